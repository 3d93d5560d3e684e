"""A shop: an order is confirmed at once, and a review is asked for when three days have passed without one.

Run it with `python shop.py`; where its Inngest server is, the environment says.
"""

import logging
from datetime import timedelta

import flask
import inngest
import inngest.flask
from werkzeug.serving import make_server

client = inngest.Inngest(app_id="shop", logger=logging.getLogger("shop"))
app = flask.Flask("shop")
mails: list[str] = []


@client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="shop/order.placed"))
def order(ctx: inngest.ContextSync) -> str:
    number = ctx.event.data["number"]
    ctx.step.run("confirm", lambda: mails.append(f"thank you for order {number}"))
    review = ctx.step.wait_for_event(
        "review",
        event="shop/review.written",
        if_exp="event.data.number == async.data.number",
        timeout=timedelta(days=3),
    )
    if review is not None:
        return "reviewed"
    ctx.step.run("ask", lambda: mails.append(f"how do you like order {number}?"))
    return "asked"


inngest.flask.serve(app, client, [order])


@app.post("/orders/<int:number>")
def place(number: int):
    client.send_sync(inngest.Event(name="shop/order.placed", data={"number": number}))
    return {"number": number}


@app.post("/orders/<int:number>/review")
def review(number: int):
    client.send_sync(inngest.Event(name="shop/review.written", data={"number": number}))
    return {"number": number}


@app.get("/mails")
def sent():
    return mails


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()
