// A graph as a drawing: layer below layer, what an edge asks for above the step that it leads to.

import { s, stateWords } from "./dom.js";

const WIDTH = 172;
const HEIGHT = 46;
const ACROSS = 28;
const DOWN = 34;
const LINE = 15;
const LONGEST = { name: 22, label: 32 };
const TRIGGER = "$trigger";

const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** Draw a graph; `chosen` is called with the id of a step that was chosen. */
export function graphOf(graph, chosen) {
  const layers = placed(graph);
  const widest = Math.max(...layers.map((layer) => layer.length));
  const width = widest * (WIDTH + ACROSS) - ACROSS + 8;
  const spots = new Map();
  let y = 4;
  for (const layer of layers) {
    const labels = Math.max(0, ...layer.map((node) => labelsOf(graph, node.id).length));
    y += labels * LINE;
    const left = (width - (layer.length * (WIDTH + ACROSS) - ACROSS)) / 2;
    layer.forEach((node, number) => spots.set(node.id, { x: left + number * (WIDTH + ACROSS), y }));
    y += HEIGHT + DOWN;
  }
  const height = y - DOWN + 4;
  return s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, width, height },
    graph.edges.map((edge) => line(edge, spots)),
    graph.nodes.map((node) => box(node, spots.get(node.id), labelsOf(graph, node.id), chosen)),
  );
}

/** The nodes by layer; within one, each stands below the middle of its parents, as far as that can be. */
function placed(graph) {
  const layers = [];
  for (const node of graph.nodes) (layers[node.layer] ??= []).push(node);
  const place = new Map();
  for (const layer of layers) {
    const weight = new Map(
      layer.map((node, number) => {
        const parents = graph.edges.filter((edge) => edge.to === node.id && place.has(edge.from));
        const sum = parents.reduce((total, edge) => total + place.get(edge.from), 0);
        return [node.id, parents.length ? sum / parents.length : number];
      }),
    );
    layer.sort((a, b) => weight.get(a.id) - weight.get(b.id));
    layer.forEach((node, number) => place.set(node.id, (number + 0.5) / layer.length));
  }
  return layers;
}

/** What the edges into a node ask for; where there are several, from where each comes. */
function labelsOf(graph, id) {
  const into = graph.edges.filter((edge) => edge.to === id);
  const isOne = new Set(into.map((edge) => edge.from)).size === 1;
  const labels = into.filter((edge) => edge.label).map((edge) => (isOne ? edge.label : `${edge.from}: ${edge.label}`));
  return into.some((edge) => edge.all) ? ["after all of them", ...labels] : labels;
}

function line(edge, spots) {
  const from = spots.get(edge.from);
  const to = spots.get(edge.to);
  const [x1, y1, x2, y2] = [from.x + WIDTH / 2, from.y + HEIGHT, to.x + WIDTH / 2, to.y];
  const bend = Math.max(18, (y2 - y1) / 2);
  return s("path", { class: `edge ${edge.state}`, d: `M${x1} ${y1} C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}` });
}

function box(node, { x, y }, labels, chosen) {
  const [sign, word] = stateWords(node.state);
  const isTrigger = node.id === TRIGGER;
  const begun = !isTrigger && !["pending", "planned", "skipped", "not_reached"].includes(node.state);
  const choose = () => chosen(node.id);
  const keyed = (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose();
    }
  };
  const props = { class: `node ${node.state}${isTrigger ? " trigger" : ""}`, data: { node: node.id, state: node.state, key: `node-${node.id}` } };
  if (begun) Object.assign(props, { tabindex: "0", role: "button", "aria-label": `Step ${node.id}: ${word}`, onclick: choose, onkeydown: keyed });
  const middle = x + WIDTH / 2;
  return s(
    "g",
    props,
    s("title", {}, isTrigger ? "Trigger" : `${node.id}: ${word}${labels.length ? `\n${labels.join("\n")}` : ""}`),
    labels.map((label, number) =>
      s("text", { class: "label", x: middle, y: y - 6 - (labels.length - 1 - number) * LINE }, short(label, LONGEST.label)),
    ),
    s("rect", { x, y, width: WIDTH, height: HEIGHT, rx: isTrigger ? HEIGHT / 2 : 8 }),
    isTrigger
      ? s("text", { class: "name", x: middle, y: y + HEIGHT / 2 + 5 }, "trigger")
      : [
          s("text", { class: "name", x: middle, y: y + 20 }, short(node.id, LONGEST.name)),
          s("text", { class: "state", x: middle, y: y + 36 }, `${sign} ${word}`),
        ],
  );
}
