// The clock: shown, and moved if it is a virtual one.

import { byId, moment, span } from "./dom.js";
import { advance, runToIdle, status } from "./server.js";

let last = null;

/** Show what the server told of its time. */
export function tellClock(status) {
  last = status;
  const button = byId("clock");
  button.hidden = false;
  button.disabled = !status.virtual;
  button.title = status.virtual ? "Move the virtual clock" : "The server runs in real time";
  if (!status.virtual) return;
  button.textContent = `${moment(status.now)} UTC`;
  byId("clock-now").textContent = `${moment(status.now)} UTC`;
  byId("clock-due").textContent =
    status.next_due === null ? "nothing is due" : `${moment(status.next_due)} UTC, in ${span(status.next_due - status.now)}`;
}

export function showClock() {
  if (!last?.virtual) return;
  byId("clock-problem").textContent = "";
  byId("clock-dialog").showModal();
  byId("clock-span").select();
}

async function move(how) {
  const form = byId("clock-form");
  const buttons = form.querySelectorAll("button:not([data-close])");
  byId("clock-problem").textContent = "";
  byId("clock-span").removeAttribute("aria-invalid");
  for (const button of buttons) button.disabled = true;
  form.setAttribute("aria-busy", "true");
  try {
    await how();
    tellClock(await status());
  } catch (error) {
    byId("clock-problem").textContent = error.message;
    byId("clock-span").setAttribute("aria-invalid", "true");
  } finally {
    form.removeAttribute("aria-busy");
    for (const button of buttons) button.disabled = false;
  }
}

byId("clock-form").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  move(() => advance(byId("clock-span").value.trim()));
});
byId("clock-idle").addEventListener("click", () => move(runToIdle));
for (const button of document.querySelectorAll("[data-span]")) {
  button.addEventListener("click", () => {
    byId("clock-span").value = button.dataset.span;
    move(() => advance(button.dataset.span));
  });
}
