// The page people work in: one trial after another, as the server hands them out.
//
// A trial is shown, answered, sent, and only when the server has stored it does the next begin.
// A trial has the fields of `TrialView` in humans/session.py.

import { Refused, get, insist, post } from "../server.mjs";
import { Few } from "./few.mjs";
import { Many } from "./many.mjs";
import { Picks, drawPicks } from "./picks.mjs";
import { Stage, frame, hold, noise } from "./stage.mjs";
import { Interruptions, Pace } from "./time.mjs";

const at = (id) => document.getElementById(id);
const say = (text) => (at("said").textContent = text);
const waiting = (on) => (at("trouble").hidden = !on);

class Work {
  constructor(panel) {
    this.panel = panel;
    this.stage = new Stage(at("image"));
    this.interruptions = new Interruptions();
    this.pace = new Pace(at("pace"));
    this.picks = new Picks(panel.limit ?? Infinity, () => this.picked());
    this.chooser = new (panel.few ? Few : Many)(at("chooser"), panel, (name, time) => this.pick(name, time));
    this.single = panel.limit === 1;
    at("picks").hidden = this.single;
    this.stage.size(panel.display.side);
    this.listen();
  }

  listen() {
    document.addEventListener("keydown", (event) => this.key(event));
    at("submit").addEventListener("click", (event) => this.submit(event.timeStamp));
    at("undo").addEventListener("click", () => this.settle?.({ undo: true }));
    at("pause").addEventListener("click", () => this.settle?.({ pause: true }));
    at("given-wrong").addEventListener("change", () => this.picked());
    at("contrast").addEventListener("click", switchContrast);
    for (const button of document.querySelectorAll("#sure button")) {
      button.addEventListener("click", (event) => this.rate(Number(button.value), event.timeStamp));
    }
  }

  async run(turn) {
    while (turn.paused || turn.trial) {
      turn = turn.paused ? await this.rest() : await this.take(turn.trial);
    }
    location.reload(); // the server has another page for what comes now
  }

  // One trial, until the server has stored what became of it.
  async take(trial) {
    this.begin(trial);
    const outcome = await this.ask(trial);
    this.open(false);
    if (outcome.pause) {
      this.stage.clear();
      return insist(() => post("/work/pause"), waiting);
    }
    if (outcome.undo) {
      say("Back to the image before");
      return insist(() => post("/work/undo"), waiting);
    }
    const done = await insist(() => post("/work/answer", outcome.answer), waiting);
    this.pace.add(outcome.answer.client_ms);
    if (done.feedback) await this.feedback(done.feedback);
    return done.turn;
  }

  begin(trial) {
    this.trial = trial;
    this.open(false);
    this.sure = this.time = null;
    this.interruptions.start();
    this.chooser.reset();
    this.picks.set(this.single ? [] : trial.given);
    for (const id of ["feedback", "sure"]) at(id).hidden = true;
    at("given").hidden = !trial.label;
    at("given-name").textContent = trial.label ?? "";
    at("given-wrong").checked = false;
    at("reason").value = "";
    at("before").hidden = !trial.given.length;
    at("before").textContent = `You had answered: ${trial.given.join(", ")}`;
    at("undo").disabled = !trial.can_undo;
    at("submit").hidden = this.single && trial.image !== null;
    at("submit-name").textContent = trial.image === null ? "Leave it out, or done" : "Done with this image";
    at("done").value = trial.number - 1;
    at("done").max = trial.total;
    at("count").textContent = `${trial.number} of ${trial.total}`;
    at("phase").textContent = trial.phase === "training" ? "Training" : "";
    at("image").setAttribute("aria-label", `Image ${trial.number} of ${trial.total}`);
    this.pace.left(trial.total - trial.number + 1);
    this.stage.keepOnly([trial.image, trial.preload]);
  }

  // Whether answers are taken.
  open(on) {
    this.chooser.enable(on);
    at("chooser").setAttribute("aria-busy", String(!on));
  }

  // Shows the trial and waits for the person.
  async ask(trial) {
    const settled = new Promise((resolve) => (this.settle = resolve));
    this.shown = null;
    this.shown = await this.present(trial);
    this.interruptions.shownAt(this.shown);
    this.open(true);
    this.chooser.focus();
    if (trial.preload) this.stage.fetch(trial.preload).catch(() => {}); // its own turn tries again
    const limit = trial.deadline_ms && setTimeout(() => this.settle({ answer: this.answer(null) }), trial.deadline_ms);
    const outcome = await settled;
    clearTimeout(limit);
    this.settle = null;
    return outcome;
  }

  // The moment at which the image was seen; where it may not be seen again, the present one.
  async present(trial) {
    if (trial.image === null) {
      say("This image was shown already; answer from memory");
      at("memory").hidden = false;
      return performance.now();
    }
    at("memory").hidden = true;
    if (trial.exposure_ms) return this.flash(trial);
    return insist(() => this.stage.show(trial.image), waiting);
  }

  // A cross, the image for a moment, a mask: what can be seen in one glance.
  async flash({ image, fixation_ms, exposure_ms, mask_ms }) {
    const covered = noise();
    await insist(() => this.stage.fetch(image), waiting);
    this.stage.cross();
    await hold(fixation_ms, await frame());
    const seen = await this.stage.show(image);
    await hold(exposure_ms, seen);
    this.stage.mask(covered);
    await hold(mask_ms, await frame());
    this.stage.clear();
    return seen;
  }

  key(event) {
    if (at("veil").open || event.isComposing || event.altKey || event.metaKey) return;
    if (!at("feedback").hidden) return this.whenKey(event, ["Enter", " "], () => at("next").click());
    if (event.key === "Escape") return this.whenKey(event, ["Escape"], () => at("pause").click());
    if (event.ctrlKey && event.key.toLowerCase() === "z") return this.whenKey(event, ["z", "Z"], () => at("undo").click());
    if (!this.settle || this.shown === null || event.ctrlKey && event.key !== "Enter") return;
    if (event.repeat && !/^(Arrow|Page)/.test(event.key)) return; // a key that is held answers once
    if (event.target.matches("#reason, button, #given-wrong") && event.key !== "Backspace" && !this.panel.few) return;
    if (event.target.matches("#reason")) return;
    if (!at("sure").hidden) return this.rateByKey(event);
    if (this.chooser.key(event)) event.preventDefault();
    else if (event.key === "Backspace" && !this.chooser.field?.value) this.back(event);
    else if (event.key === "Enter" && !event.target.matches("button")) this.whenKey(event, ["Enter"], () => this.submit(event.timeStamp));
  }

  whenKey(event, keys, action) {
    if (!keys.includes(event.key)) return;
    event.preventDefault();
    action();
  }

  back(event) {
    event.preventDefault();
    if (this.picks.names.length && !this.single) this.picks.removeLast();
    else at("undo").click();
  }

  pick(name, time) {
    if (!this.settle || this.shown === null) return;
    if (this.single) {
      this.picks.set([name]);
      this.submit(time);
    } else if (this.panel.few) this.picks.toggle(name);
    else if (!this.picks.add(name)) say(this.picks.has(name) ? `${name} is picked already` : `No more than ${this.panel.limit}`);
  }

  picked() {
    this.chooser?.mark(this.picks.names);
    drawPicks(at("picked"), this.picks, this.panel.ranked);
    const something = this.picks.names.length > 0 || at("given-wrong").checked;
    at("submit").disabled = !something && this.trial?.image !== null;
    if (this.picks.names.length) say(this.picks.names.join(", "));
  }

  submit(time) {
    if (!this.settle || this.shown === null || at("submit").disabled) return;
    if (this.panel.confidence && this.sure === null) {
      this.time ??= time;
      at("sure").hidden = false;
      say("How sure are you? 1 for 20 percent, to 5 for 100 percent");
    } else {
      this.settle({ answer: this.answer(this.time ?? time) });
      this.time = null;
    }
  }

  rateByKey(event) {
    const button = document.querySelector(`#sure button[data-key="${CSS.escape(event.key)}"]`);
    if (button) this.whenKey(event, [event.key], () => this.rate(Number(button.value)));
    else if (event.key === "Backspace") {
      at("sure").hidden = true;
      this.time = null;
      if (this.single) this.picks.clear();
    }
  }

  rate(value) {
    this.sure = value;
    this.submit();
  }

  // time: when the answer was given; null where the time ran out
  answer(time) {
    const { trial, token, revision } = this.trial;
    return {
      trial, token, revision,
      answers: time === null ? [] : this.picks.names,
      client_ms: Math.max(0, (time ?? performance.now()) - this.shown),
      confidence: this.sure,
      wrong_label: at("given-wrong").checked ? at("reason").value : null,
      events: this.interruptions.taken(),
    };
  }

  // Training only: what it was, and what that looks like.
  async feedback({ right, truth }) {
    at("verdict").textContent = `${right ? "Right" : "It is"}: ${truth.join(", ")}`;
    at("feedback").className = right ? "right" : "wrong";
    const sheet = this.panel.classes.find(({ name }) => name === truth[0])?.sheet;
    at("examples").hidden = !sheet;
    if (sheet) at("examples").src = sheet;
    at("feedback").hidden = false;
    at("next").focus({ preventScroll: true });
    await new Promise((resolve) => at("next").addEventListener("click", resolve, { once: true }));
  }

  // The pause: the image is covered until the person goes on.
  async rest() {
    this.stage.clear();
    at("veil").showModal();
    await new Promise((resolve) => at("veil").addEventListener("close", resolve, { once: true }));
    return insist(() => post("/work/resume"), waiting);
  }
}

function switchContrast() {
  const high = document.documentElement.dataset.contrast !== "high";
  document.documentElement.dataset.contrast = high ? "high" : "";
  at("contrast").setAttribute("aria-pressed", String(high));
  sessionStorage.setItem("contrast", high ? "high" : "");
}

if (sessionStorage.getItem("contrast")) switchContrast();
try {
  const [turn, panel] = await Promise.all(["turn", "panel"].map((part) => insist(() => get(`/work/${part}`), waiting)));
  await new Work(panel).run(turn);
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  document.querySelector(".work").hidden = true;
  at("stopped").hidden = false;
  at("stopped-why").textContent = error.message;
}
