// Cases of an adjudicator: causes appear where an answer is not acceptable; each case is sent whole.

import { post } from "./server.mjs";

for (const form of document.querySelectorAll(".case")) {
  form.addEventListener("change", () => ask(form));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}

const answers = (form) => [...form.querySelectorAll(".one")];
const accepted = (answer) => answer.querySelector("[value=yes]").checked;

function ask(form) {
  for (const answer of answers(form)) {
    answer.querySelector(".why").hidden = !answer.querySelector("[value=no]").checked;
  }
}

function judgement(form) {
  const causes = {};
  for (const answer of answers(form)) {
    if (accepted(answer)) continue;
    causes[answer.dataset.answer] = [...answer.querySelectorAll("[name=cause]:checked")].map((input) => input.value);
  }
  return {
    case: form.dataset.case,
    acceptable: answers(form).filter(accepted).map((answer) => answer.dataset.answer),
    causes,
    label_wrong: form.elements.label_wrong.checked,
    note: form.elements.note.value,
  };
}

async function send(form) {
  const said = form.querySelector("[role=status]");
  try {
    await post("/adjudicate/judge", judgement(form));
    form.dataset.judged = "";
    said.textContent = "saved";
    count();
  } catch (error) {
    said.textContent = `Not saved: ${error.message}`;
  }
}

function count() {
  const done = document.querySelectorAll(".case[data-judged]").length;
  const all = document.querySelectorAll(".case").length;
  document.getElementById("done").value = done;
  document.getElementById("left").textContent = all - done;
}
