// A way between two classes: the mixture that label units hold moves from one to the other.

const SETTLING = 50; // steps of a new dream that go to the first class alone
const STOPS = 12; // pictures that are kept of the way

export class Way {
  constructor(labels) {
    this.labels = labels;
    this.begin();
    this.set(0, labels - 1, 60);
  }

  // Between which classes, in how many steps.
  set(from, to, steps) {
    if (from !== this.from || to !== this.to) this.begin();
    const share = this.share;
    Object.assign(this, { from, to, steps });
    this.go(share, this.settled);
  }

  // At the first class again; `settled` where the dream is there already.
  begin(settled = false) {
    Object.assign(this, { done: 0, steps: this.steps ?? 1, stops: [], settled, arrived: false });
  }

  // To a place on the way.
  go(share, settled = true) {
    Object.assign(this, { done: Math.round(share * this.steps), settled, arrived: false });
  }

  get share() {
    return this.done / this.steps;
  }

  shares() {
    const shares = new Array(this.labels).fill(0);
    shares[this.from] += 1 - this.share;
    shares[this.to] += this.share;
    return shares;
  }

  // After a step of the chain, the one of that number: a picture, where one is due, and on.
  advance(step, levels) {
    if (!this.settled && step < SETTLING) return;
    this.settled = true;
    if (this.share * (STOPS - 1) >= this.stops.length - 1e-6) this.stops.push({ share: this.share, levels });
    this.arrived = this.done >= this.steps;
    this.done = Math.min(this.steps, this.done + 1);
  }
}
