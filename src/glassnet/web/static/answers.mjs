// The answers after the lock: which are shown, and tags that are saved as they are set.

import { post } from "./server.mjs";

const trials = [...document.querySelectorAll(".trial")];
const said = document.getElementById("said");

for (const button of document.querySelectorAll("[data-show]")) {
  button.addEventListener("click", () => show(button.dataset.show));
}

function show(which) {
  for (const button of document.querySelectorAll("[data-show]")) {
    button.setAttribute("aria-pressed", String(button.dataset.show === which));
  }
  for (const trial of trials) trial.hidden = which !== "all" && trial.dataset[which] !== "wrong";
  said.textContent = `${trials.filter((trial) => !trial.hidden).length} images shown`;
}

for (const trial of trials) trial.addEventListener("change", () => save(trial));

async function save(trial) {
  const causes = [...trial.querySelectorAll("input:checked")].map((input) => input.value);
  const note = trial.querySelector("input[type=text]").value;
  try {
    await post("/answers/tag", { trial: Number(trial.dataset.trial), causes, note });
    trial.querySelector("summary").textContent = "Tagged, saved";
    said.textContent = "Saved";
  } catch (error) {
    trial.querySelector("summary").textContent = `Not saved: ${error.message}`;
  }
}
