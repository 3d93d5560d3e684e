// An app of the JavaScript SDK: what its functions do is what the test beside it expects.
import { createServer } from "node:http";
import { Inngest } from "inngest";
import { serve } from "inngest/node";

const client = new Inngest({ id: "js", isDev: true });

const order = client.createFunction(
  { id: "order", retries: 1, triggers: [{ event: "js/order" }] },
  async ({ event, step, attempt }) => {
    const price = await step.run("price", () => event.data.items * 10);
    await step.sleep("pause", "2h");
    const paid = await step.waitForEvent("paid", { event: "js/paid", timeout: "3d", match: "data.id" });
    const double = await step.invoke("double", { function: doubled, data: { n: price } });
    const [left, right] = await Promise.all([
      step.run("left", () => "l"),
      step.run("right", () => "r"),
    ]);
    await step.sendEvent("tell", { name: "js/done", data: { id: event.data.id } });
    return { price, paid: paid?.data.by ?? null, double, both: left + right };
  },
);

const doubled = client.createFunction({ id: "doubled", triggers: [{ event: "js/never" }] }, async ({ event }) => event.data.n * 2);

let tries = 0;
const flaky = client.createFunction({ id: "flaky", retries: 2, triggers: [{ event: "js/flaky" }] }, async ({ step }) =>
  step.run("try", () => {
    tries += 1;
    if (tries < 3) throw new Error(`no ${tries}`);
    return tries;
  }),
);

const failing = client.createFunction({ id: "failing", retries: 0, triggers: [{ event: "js/failing" }] }, async () => {
  throw new Error("never");
});

const server = createServer(serve({ client, functions: [order, doubled, flaky, failing] }));
server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("listening"));
