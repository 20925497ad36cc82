// The page on which a machine dreams: what is held, the steps, and what is drawn of them.

import { Refused, get } from "../server.mjs";
import { decode, encode } from "./bytes.mjs";
import { Chains } from "./chain.mjs";
import { Pad } from "./pad.mjs";
import { picture, units } from "./paint.mjs";
import { plot } from "./plot.mjs";
import { Way } from "./way.mjs";

const at = (id) => document.getElementById(id);
const say = (text) => (at("said").textContent = text);
const checked = (name) => document.querySelector(`input[name="${name}"]:checked`)?.value;
const check = (name, value) => {
  const input = document.querySelector(`input[name="${name}"][value="${value}"]:not(:disabled)`);
  if (input) input.checked = true;
};
const number = (value) => value.toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 }).replace("-", "\u2212");
const percent = (share) => `${Math.round(100 * share)} %`;

const { machine, ...told } = at("dream").dataset;
const [width, height, labels] = [told.width, told.height, told.labels].map(Number);
const sizes = told.layers.split(" ").map(Number);
const SPEEDS = [1, 2, 5, 10, 20, 30, 40]; // steps a second; the server takes 50 requests
const LAYER_SIDE = sizes.length > 1 ? 104 : 176; // screen pixels of a drawn layer
const KEY = `dream ${machine}`;

const chains = new Chains(machine, sizes, width * height);
const pad = new Pad(at("pad"), width, height, () => {});
const way = labels ? new Way(labels) : null;
let chosen = 0;
let playing = false;
let asking = null; // the step that is under way
let place = 0; // on the way, before the page was loaded again

// -- what is held ---------------------------------------------------------------------------------
const oneHot = (k) => Array.from({ length: labels }, (_, i) => Number(i === k));
const HELD = {
  class: () => ({ label: oneHot(Number(checked("label"))) }),
  drawing: () => ({
    pixels: encode(pad.ink), known: encode(pad.held()),
    label: at("also")?.value ? oneHot(Number(at("also").value)) : null,
  }),
  way: () => ({ label: way.shares() }),
  free: () => ({}),
};

function fitPanels() {
  const mode = checked("mode");
  for (const panel of document.querySelectorAll(".panel")) panel.hidden = panel.dataset.for !== mode;
  at("strength-panel").hidden = !classHeld();
  at("strip-section").hidden = mode !== "way" || !way.stops.length;
  pad.known = at("known").value;
  at("brush-tool").hidden = pad.known !== "brush";
  if (pad.known !== "brush" && checked("tool") === "know") check("tool", "draw");
  pad.tool = checked("tool");
  pad.draw();
}

// -- steps ----------------------------------------------------------------------------------------
async function step() {
  const mode = checked("mode");
  const fresh = chains.frame === null;
  await chains.next(HELD[mode](), Number(at("temperature").value), Number(at("strength").value));
  if (mode === "way" && !fresh) {
    way.advance(chains.frame.step, chains.visible(chosen));
    showWay();
    if (way.arrived) pause(`Arrived at ${way.to}.`);
  }
  show();
}

// One step at a time, however often it is asked for; gives whether it came.
async function once() {
  if (asking) return asking;
  asking = step().then(() => true, failed);
  const came = await asking;
  asking = null;
  return came;
}

function failed(error) {
  pause(error instanceof Refused ? error.message : "The server does not answer. Play again when it does.");
  return false;
}

async function play() {
  playing = true;
  at("play").textContent = "Pause";
  say("");
  while (playing) {
    const start = performance.now();
    if (!(await once())) break;
    const rest = 1000 / SPEEDS[at("speed").value] - (performance.now() - start);
    await new Promise((resolve) => (rest > 1 ? setTimeout(resolve, rest) : requestAnimationFrame(resolve)));
  }
}

function pause(text) {
  playing = false;
  at("play").textContent = "Play";
  if (chains.frame) say(text ?? summary());
  else if (text) say(text);
  save();
}

// Pause, once the step that is under way has come.
async function settle() {
  playing = false;
  if (asking) await asking;
  pause();
}

async function anew(seed = chains.seed + 1) {
  chains.begin(Number(at("count").value), seed);
  chosen = Math.min(chosen, chains.count - 1);
  way?.begin();
  makeChains();
  if (labels) showWay();
  if (asking) await asking;
  if (await once()) say(`Noise, seed ${seed}`);
  save();
}

// -- what is shown --------------------------------------------------------------------------------
function best(i) {
  const shares = chains.label(i);
  const k = shares.indexOf(Math.max(...shares));
  return [k, shares[k]];
}

function summary() {
  const energy = `free energy ${number(chains.frame.energy[chosen])}`;
  if (!labels) return `Step ${chains.frame.step}: ${energy}`;
  const [k, share] = best(chosen);
  if (classHeld()) return `Step ${chains.frame.step}: chain ${chosen + 1} with ${k} held at ${percent(share)}, ${energy}`;
  return `Step ${chains.frame.step}: chain ${chosen + 1} is taken for ${k} (${percent(share)}), ${energy}`;
}

function show() {
  const { step, energy } = chains.frame;
  picture(at("picture"), chains.visible(chosen), width, height);
  at("caption").textContent = `Chain ${chosen + 1} of ${chains.count}, step ${step}, seed ${chains.seed}`;
  at("picture").setAttribute("aria-label", `The dream. ${summary()}`);
  showLayers();
  if (labels) showBeliefs();
  [...at("chains").children].forEach((button, i) => {
    picture(button.querySelector("canvas"), chains.visible(i), width, height);
    button.querySelector("span").textContent = number(energy[i]);
    button.setAttribute("aria-pressed", String(i === chosen));
    button.setAttribute("aria-label", `Chain ${i + 1}, free energy ${number(energy[i])}`);
  });
  plot(at("energies"), chains.steps, chains.lines(), { chosen });
  at("energies").setAttribute("aria-label", energiesInWords());
}

function showLayers() {
  sizes.forEach((size, layer) => {
    const levels = chains.hidden(layer, chosen);
    const figure = at("layers").children[layer];
    const on = levels.filter((level) => level > 127).length;
    const text = `${on.toLocaleString("en")} of ${size.toLocaleString("en")} on`;
    units(figure.querySelector("canvas"), levels, LAYER_SIDE);
    figure.querySelector("canvas").setAttribute("aria-label", `${layerName(layer)}: ${text}`);
    figure.querySelector("figcaption span").textContent = text;
  });
}

const layerName = (layer) => (sizes.length > 1 ? `Hidden layer ${layer + 1}` : "Hidden units");

const classHeld = () => ({ class: true, way: true, drawing: Boolean(at("also")?.value) })[checked("mode")] ?? false;

function showBeliefs() {
  at("belief-title").textContent = classHeld() ? "The class that is held" : "What it takes it for";
  const shares = chains.label(chosen);
  [...at("beliefs").children].forEach((item, k) => (item.querySelector("progress").value = shares[k]));
}

function energiesInWords() {
  const { energy, step } = chains.frame;
  const [low, high] = [Math.min(...energy), Math.max(...energy)];
  return `Free energy of ${chains.count} chains over the steps; at step ${step} from ${number(low)} to ${number(high)}, chain ${chosen + 1} at ${number(energy[chosen])}`;
}

function showWay() {
  at("share").value = Math.round(100 * way.share);
  tell("share", percent(way.share));
  at("strip-section").hidden = checked("mode") !== "way" || !way.stops.length;
  at("strip-told").textContent = `Chain ${chosen + 1}, from ${way.from} to ${way.to}, as the held mixture moved.`;
  const strip = at("strip");
  while (strip.children.length > way.stops.length) strip.lastChild.remove();
  for (let i = strip.children.length; i < way.stops.length; i++) {
    const item = document.createElement("li");
    const canvas = document.createElement("canvas");
    const text = percent(way.stops[i].share);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${text} ${way.to}`);
    picture(canvas, way.stops[i].levels, width, height);
    item.append(canvas, Object.assign(document.createElement("span"), { className: "quiet small", textContent: text }));
    strip.append(item);
  }
}

// -- making what is drawn into --------------------------------------------------------------------
function makeLayers() {
  for (let layer = 0; layer < sizes.length; layer++) {
    const figure = document.createElement("figure");
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", layerName(layer));
    const caption = document.createElement("figcaption");
    caption.append(layerName(layer), Object.assign(document.createElement("span"), { className: "quiet" }));
    figure.append(canvas, caption);
    at("layers").append(figure);
  }
}

function makeChains() {
  at("chains").replaceChildren(
    ...Array.from({ length: chains.count }, (_, i) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      const canvas = document.createElement("canvas");
      canvas.setAttribute("aria-label", `Dream of chain ${i + 1}`);
      button.append(canvas, document.createElement("span"));
      button.addEventListener("click", () => {
        chosen = i;
        show();
        say(summary());
        save();
      });
      return button;
    }),
  );
}

// -- across a reload ------------------------------------------------------------------------------
const FIELDS = ["known", "also", "from", "to", "pace", "speed", "temperature", "strength", "count"];

function save() {
  const fields = Object.fromEntries(FIELDS.filter(at).map((id) => [id, at(id).value]));
  const choices = { mode: checked("mode"), label: checked("label") };
  const drawing = { ink: encode(pad.ink), brushed: encode(pad.brushed) };
  sessionStorage.setItem(KEY, JSON.stringify({ fields, choices, drawing, chosen, chains: chains.saved(), way: way?.share }));
}

function restore() {
  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  check("mode", labels ? "class" : "free");
  check("label", labels > 7 ? 7 : 0);
  if (labels) [at("from").value, at("to").value, at("pace").value] = [Math.min(3, labels - 1), Math.min(8, labels - 1), 120];
  if (!kept) return false;
  for (const [id, value] of Object.entries(kept.fields)) if (at(id)) at(id).value = value;
  for (const [name, value] of Object.entries(kept.choices)) check(name, value);
  pad.show(decode(kept.drawing.ink), decode(kept.drawing.brushed));
  chosen = kept.chosen;
  chains.restore(kept.chains);
  place = kept.way;
  return chains.frame !== null;
}

// -- the person -----------------------------------------------------------------------------------
// What a slider stands at, to be seen and heard.
function tell(id, text) {
  at(`${id}-told`).textContent = text;
  at(id).setAttribute("aria-valuetext", text);
}

function tellSliders() {
  tell("speed", `${SPEEDS[at("speed").value]} a second`);
  for (const id of ["temperature", "strength"]) tell(id, number(Number(at(id).value)));
}

function fitWay() {
  way.set(Number(at("from").value), Number(at("to").value), Number(at("pace").value));
  showWay();
}

at("play").addEventListener("click", () => (playing ? settle() : play()));
at("step").addEventListener("click", async () => {
  if (playing) await settle();
  else if (await once()) say(summary());
  save();
});
at("anew").addEventListener("click", () => anew());
at("count").addEventListener("change", () => anew(chains.seed));
at("held").addEventListener("change", (event) => {
  if (["from", "to", "pace"].includes(event.target.id)) fitWay();
  fitPanels();
  if (event.target.name === "mode") say("");
  save();
});
at("held").addEventListener("submit", (event) => event.preventDefault());
for (const id of ["speed", "temperature", "strength"]) at(id).addEventListener("input", tellSliders);
at("share")?.addEventListener("input", () => {
  way.go(Number(at("share").value) / 100);
  showWay();
});
at("turn")?.addEventListener("click", () => {
  [at("from").value, at("to").value] = [at("to").value, at("from").value];
  fitWay();
  way.begin(true);
  showWay();
});
at("clear").addEventListener("click", () => pad.show(new Uint8Array(width * height)));
at("undo").addEventListener("click", () => pad.undo());
at("real")?.addEventListener("click", async () => {
  try {
    const { pixels, label } = await get("/dreams/digit");
    pad.show(decode(pixels), pad.brushed);
    say(`A real ${label}, of those no demo learns from`);
  } catch (error) {
    failed(error);
  }
});
addEventListener("pagehide", save);
addEventListener("resize", () => chains.frame && show());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chains.frame && show());

at("dream").classList.toggle("deep", sizes.length > 1);
makeLayers();
const kept = restore();
tellSliders();
if (way) {
  fitWay();
  if (place) way.go(place);
  showWay();
}
fitPanels();
makeChains();
if (kept) {
  show();
  say(summary());
} else await anew(0);
at("dream").dataset.ready = "";
