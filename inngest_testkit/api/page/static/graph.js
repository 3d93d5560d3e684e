// A graph as a drawing: layer below layer, what an edge asks for above the step that it leads to.

import { s, stateWords } from "./dom.js";

const WIDTH = 172;
const HEIGHT = 46;
const ACROSS = 24;
const DOWN = 36;
const LINE = 15;
/** The width of the gap in a layer that an edge passes through. */
const PASSAGE = 12;
/** A graph that is wider is scrolled on a narrow screen; one that is not is made smaller. */
const FITTING = 560;
const LONGEST = { name: 22, label: 30 };
const TRIGGER = "$trigger";

const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
const mean = (numbers) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;

/** Draw a graph whose trigger has a name; `chosen` is called with the id of a step that was chosen. */
export function graphOf(graph, trigger, chosen) {
  const labels = new Map(graph.nodes.map((node) => [node.id, labelsOf(graph, node.id)]));
  const { layers, ways } = layered(graph);
  const { width, height } = place(layers, labels);
  return s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, width, height, class: width > FITTING ? "wide" : "" },
    ways.map(({ edge, spots }) => line(edge, spots, labels.get(edge.to).length)),
    layers.flat().filter((spot) => spot.node).map((spot) => box(spot, labels.get(spot.node.id), trigger, chosen)),
  );
}

/** The spots of each layer: nodes, and passages for the edges that go past; `ways` has the spots of each edge. */
function layered(graph) {
  const layers = [];
  const spotOf = new Map();
  const add = (layer, spot) => (layers[layer] ??= []).push(spot);
  for (const node of graph.nodes) {
    const spot = { node, width: WIDTH, above: [], x: 0, y: 0 };
    spotOf.set(node.id, spot);
    add(node.layer, spot);
  }
  const ways = graph.edges.map((edge) => {
    const spots = [spotOf.get(edge.from)];
    for (let layer = spots[0].node.layer + 1; layer < spotOf.get(edge.to).node.layer; layer++) {
      const passage = { node: null, width: PASSAGE, above: [spots.at(-1)], x: 0, y: 0 };
      add(layer, passage);
      spots.push(passage);
    }
    spotOf.get(edge.to).above.push(spots.at(-1));
    spots.push(spotOf.get(edge.to));
    return { edge, spots };
  });
  return { layers, ways };
}

/** Give each spot its place: below the middle of those above it, as far as the others in its layer leave room. */
function place(layers, labels) {
  let y = 4;
  for (const layer of layers) {
    const wanted = new Map(layer.map((spot) => [spot, spot.above.length ? mean(spot.above.map((each) => each.x)) : 0]));
    layer.sort((a, b) => wanted.get(a) - wanted.get(b));
    let free = -Infinity;
    for (const spot of layer) {
      spot.x = Math.max(wanted.get(spot), free + spot.width / 2);
      free = spot.x + spot.width / 2 + ACROSS;
    }
    const shift = mean(layer.map((spot) => wanted.get(spot) - spot.x));
    y += LINE * Math.max(0, ...layer.map((spot) => (spot.node ? labels.get(spot.node.id).length : 0)));
    for (const spot of layer) [spot.x, spot.y] = [spot.x + shift, y];
    y += HEIGHT + DOWN;
  }
  const all = layers.flat();
  const left = Math.min(...all.map((spot) => spot.x - spot.width / 2)) - 12;
  for (const spot of all) spot.x -= left;
  return { width: Math.max(...all.map((spot) => spot.x + spot.width / 2)) + 12, height: y - DOWN + 4 };
}

/** What the edges into a node ask for; where there are several, from where each comes. */
function labelsOf(graph, id) {
  const into = graph.edges.filter((edge) => edge.to === id);
  const isOne = new Set(into.map((edge) => edge.from)).size === 1;
  const labels = into.filter((edge) => edge.label).map((edge) => (isOne ? edge.label : `${edge.from}: ${edge.label}`));
  return into.some((edge) => edge.all) ? ["after all of them", ...labels] : labels;
}

/** An edge ends above the labels of its node; a passage is gone through straight. */
function line(edge, spots, labels) {
  const parts = [];
  for (let number = 1; number < spots.length; number++) {
    const [from, to] = [spots[number - 1], spots[number]];
    const top = from.y + HEIGHT;
    const end = to.node ? to.y - labels * LINE - 1 : to.y;
    const bend = (end - top) / 2;
    parts.push(number === 1 ? `M${from.x} ${top}` : `L${from.x} ${top}`);
    parts.push(`C${from.x} ${top + bend} ${to.x} ${end - bend} ${to.x} ${end}`);
  }
  return s("path", { class: `edge ${edge.state}`, d: parts.join(" "), data: { from: edge.from, to: edge.to, state: edge.state } });
}

function box({ node, x, y }, labels, trigger, chosen) {
  const [sign, word] = stateWords(node.state);
  const isTrigger = node.id === TRIGGER;
  const name = isTrigger ? trigger : node.id;
  const hasBegun = !isTrigger && !["pending", "planned", "skipped", "not_reached"].includes(node.state);
  const props = {
    class: `node ${node.state}${isTrigger ? " trigger" : ""}`,
    data: { node: node.id, state: node.state, key: `node-${node.id}` },
  };
  if (hasBegun) {
    const keyed = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      chosen(node.id);
    };
    const label = `Step ${node.id}: ${word}`;
    Object.assign(props, { tabindex: "0", role: "button", "aria-label": label, onclick: () => chosen(node.id), onkeydown: keyed });
  }
  const title = [isTrigger ? `Trigger: ${trigger}` : `${name}: ${word}`, ...labels].join("\n");
  const label = (text, number) =>
    s("text", { class: "label", x, y: y - 6 - (labels.length - 1 - number) * LINE }, short(text, LONGEST.label));
  return s(
    "g",
    props,
    s("title", {}, title),
    labels.map(label),
    s("rect", { x: x - WIDTH / 2, y, width: WIDTH, height: HEIGHT, rx: isTrigger ? HEIGHT / 2 : 8 }),
    s("text", { class: "name", x, y: y + 20 }, short(name, LONGEST.name)),
    s("text", { class: "state", x, y: y + 36 }, isTrigger ? "trigger" : `${sign} ${word}`),
  );
}
