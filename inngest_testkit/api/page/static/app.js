// The page: where the reader is (the address after #), what is shown there, and when it is read anew.

import { byId, isVirtual, moment, serverNow, setClock } from "./dom.js";
import { listen } from "./server.js";
import { showClock, tellClock } from "./clock.js";
import { openSend } from "./send.js";
import * as runs from "./runs.js";
import * as events from "./events.js";
import * as functions from "./functions.js";

const VIEWS = { runs, events, functions };
/** Milliseconds between two reads of what has changed. */
const PACE = 250;

let shown = { view: "", key: "" };
let reading = false;
let isStale = false;
let timer = null;

/** Where the reader is: a view, and what is selected in it. */
function place() {
  const [, view = "runs", ...rest] = location.hash.startsWith("#/") ? location.hash.split("/") : [];
  const key = rest.map(decodeURIComponent).join("/");
  return view in VIEWS ? { view, key } : { view: "runs", key: "" };
}

async function go() {
  const { view, key } = place();
  const isNew = view !== shown.view;
  const isOther = isNew || key !== shown.key;
  shown = { view, key };
  document.body.dataset.view = view;
  document.body.dataset.selected = String(Boolean(key));
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#/${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const title = view[0].toUpperCase() + view.slice(1);
  byId("list").setAttribute("aria-label", title);
  document.title = `${key ? `${key} · ` : ""}${title} · inngest-testkit`;
  if (isNew) {
    byId("rows").replaceChildren();
    byId("filters").replaceChildren();
    VIEWS[view].open({ changed: read });
  }
  if (isOther) {
    byId("detail").replaceChildren();
    byId("detail").scrollTop = 0;
  }
  await read();
}

/** Read what is shown; while that takes, another wish to read waits for its end. */
async function read() {
  if (reading) {
    isStale = true;
    return;
  }
  reading = true;
  try {
    do {
      isStale = false;
      const { view, key } = shown;
      await VIEWS[view].read(key, () => shown.view === view && shown.key === key);
      say("");
    } while (isStale);
  } catch (error) {
    say(error.message);
  } finally {
    reading = false;
  }
}

/** Read soon: however much happens, no oftener than the pace. */
function soon() {
  if (timer !== null || document.hidden) {
    isStale = document.hidden || isStale;
    return;
  }
  timer = setTimeout(() => {
    timer = null;
    read();
  }, PACE);
}

/** Show a problem above everything, or none. */
export function say(problem) {
  const notice = byId("notice");
  notice.hidden = !problem;
  if (notice.textContent !== problem) notice.textContent = problem;
}

let counts = "";

function onStatus(status) {
  setClock(status.virtual, status.now);
  tellClock(status);
  tick();
  const told = JSON.stringify([status.runs, status.open, status.functions, status.virtual ? status.now : 0]);
  if (told !== counts) soon();
  counts = told;
}

function onLine(isOpen) {
  const live = byId("live");
  live.textContent = isOpen ? "Live" : "Connecting…";
  live.classList.toggle("on", isOpen);
  if (isOpen) soon();
}

function tick() {
  if (!isVirtual()) {
    byId("clock").hidden = false;
    byId("clock").textContent = moment(serverNow());
  }
}

addEventListener("hashchange", go);
document.addEventListener("visibilitychange", () => document.hidden || read());
byId("send").addEventListener("click", () => openSend());
byId("clock").addEventListener("click", showClock);
for (const button of document.querySelectorAll("dialog [data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
setInterval(tick, 1000);
listen({ onEntry: soon, onStatus, onLine });
go();
