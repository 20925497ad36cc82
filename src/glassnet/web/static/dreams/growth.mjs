// The page on which a machine learns: its receptive fields after each epoch, and how it does.

import { Refused, get } from "../server.mjs";
import { decode } from "./bytes.mjs";
import { filters } from "./paint.mjs";
import { plot } from "./plot.mjs";

const at = (id) => document.getElementById(id);
const place = `/dreams/growth/${encodeURIComponent(at("growth").dataset.name)}`;
const PAUSE = 1000; // milliseconds between two questions while it grows
const FRAME = 350; // of an epoch, when they are played

const frames = new Map(); // epoch -> what the server told of its filters
let growth = null;
let follow = true; // the newest epoch is shown as it comes
let playing = false;

// -- what is known --------------------------------------------------------------------------------
async function frame(epoch) {
  if (!frames.has(epoch)) frames.set(epoch, await get(`${place}/filters/${epoch}`));
  return frames.get(epoch);
}

async function ask() {
  const came = await get(`${place}/now`);
  if (came.state === "waiting") return void (at("state").textContent = "It gets ready: reading the digits …");
  if (came.state === "failed") return fail(came.problem);
  growth = came;
  tell();
  at("epoch").max = growth.rows.length;
  at("epoch").disabled = false;
  if (follow && !playing) at("epoch").value = growth.rows.length;
  await show();
}

function fail(problem) {
  at("state").textContent = "The training failed";
  at("facts").replaceChildren(...fact("It said", problem));
  growth = { state: "failed" };
}

// -- what is shown --------------------------------------------------------------------------------
const STATES = { growing: "It is learning", grown: "It has learned", stopped: "Stopped before the end" };

function fact(name, value) {
  const box = document.createElement("div");
  box.append(Object.assign(document.createElement("dt"), { textContent: name }));
  box.append(Object.assign(document.createElement("dd"), { textContent: value }));
  return [box];
}

function tell() {
  const { state, rows, epochs } = growth;
  at("state").textContent = STATES[state];
  at("done").value = rows.length / epochs;
  const left = (epochs - rows.length) * (rows.at(-1)?.seconds ?? 0);
  const facts = [
    ["Epochs", `${rows.length} of ${epochs}`],
    ["Learns from", `${growth.examples.toLocaleString("en")} of ${growth.data}`],
    ["Units", `${growth.visible} pixels, ${growth.hidden} hidden, ${growth.labels} classes`],
  ];
  if (state === "growing" && rows.length) facts.push(["Left", left < 90 ? `${Math.ceil(left)} s` : `${Math.round(left / 60)} min`]);
  if (growth.accuracy !== null) facts.push(["Right on held-out, by its own label units", `${(100 * growth.accuracy).toFixed(1)} %`]);
  at("facts").replaceChildren(...facts.flatMap((each) => fact(...each)));
  at("stop").hidden = !growth.own;
  at("dream-link").hidden = false;
}

// Several epochs may be asked for at once; the last that was asked for stays.
async function show() {
  const epoch = Number(at("epoch").value);
  const { weights, largest } = await frame(epoch);
  if (epoch !== Number(at("epoch").value)) return;
  at("epoch-told").textContent = `${epoch} of ${growth.rows.length}`;
  at("epoch").setAttribute("aria-valuetext", at("epoch-told").textContent);
  const gain = at("common").checked ? largest / (await frame(growth.rows.length)).largest : 1;
  filters(at("filters"), new Int8Array(decode(weights).buffer), growth.filters, Math.sqrt(growth.visible), gain);
  const which = epoch ? `after epoch ${epoch}` : "before it learned anything";
  at("filters").setAttribute("aria-label", `Receptive fields of ${growth.filters} hidden units ${which}; the largest weight is ${largest.toFixed(2)}`);
  curves(epoch);
}

function curves(epoch) {
  const xs = growth.rows.map((row) => row.epoch);
  const options = { mark: epoch || null, ends: [1, growth.epochs], label: "epoch" };
  for (const [id, name, digits] of [["errors", "reconstruction", 4], ["gaps", "gap", 1]]) {
    plot(at(id), xs, [growth.rows.map((row) => row[name])], options);
    const value = growth.rows[(epoch || 1) - 1]?.[name];
    const title = { reconstruction: "Reconstruction error", gap: "Free-energy gap" }[name];
    at(id).setAttribute("aria-label", value === undefined ? title : `${title}: ${value.toFixed(digits)} after epoch ${epoch || 1}`);
  }
}

// -- the person -----------------------------------------------------------------------------------
async function play() {
  playing = true;
  at("play").textContent = "Pause";
  if (Number(at("epoch").value) >= growth.rows.length) at("epoch").value = 0;
  while (playing) {
    await show();
    await new Promise((resolve) => setTimeout(resolve, FRAME));
    if (Number(at("epoch").value) >= growth.rows.length) break;
    if (playing) at("epoch").value = Number(at("epoch").value) + 1;
  }
  pause();
}

function pause() {
  playing = false;
  at("play").textContent = "Play";
  follow = Number(at("epoch").value) >= (growth?.rows.length ?? 0);
}

at("play").addEventListener("click", () => (playing ? pause() : growth?.rows && play()));
at("epoch").addEventListener("input", () => {
  playing = false;
  follow = Number(at("epoch").value) >= growth.rows.length;
  show();
});
at("common").addEventListener("change", () => growth?.rows && show());
for (const change of [window, matchMedia("(prefers-color-scheme: dark)")]) {
  change.addEventListener(change === window ? "resize" : "change", () => growth?.rows && show());
}

while (growth === null || growth.state === "growing") {
  try {
    await ask();
  } catch (error) {
    if (error instanceof Refused && error.status < 500) {
      fail(error.message);
      break;
    }
    at("state").textContent = "The server does not answer; this page asks again";
  }
  at("growth").dataset.ready = "";
  await new Promise((resolve) => setTimeout(resolve, PAUSE));
}
