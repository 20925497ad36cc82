// A way between two classes: the mixture that label units hold moves from one to the other.

const SETTLING = 50; // steps of a new dream that go to the first class alone
const STOPS = 12; // pictures that are kept of the way

export class Way {
  constructor(labels) {
    this.labels = labels;
    this.set(0, labels - 1, 60);
    this.begin();
  }

  // Between which classes, in how many steps.
  set(from, to, steps) {
    if (from !== this.from || to !== this.to) this.begin();
    Object.assign(this, { from, to, steps });
  }

  // At the first class again; `settled` where the dream is there already.
  begin(settled = false) {
    Object.assign(this, { share: 0, stops: [], settled });
  }

  get arrived() {
    return this.share >= 1;
  }

  // To a place on the way by hand.
  go(share) {
    this.share = share;
    this.settled = true;
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
    this.share = Math.min(1, this.share + 1 / this.steps);
  }
}
