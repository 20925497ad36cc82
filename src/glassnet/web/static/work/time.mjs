// What time and attention do during a trial: interruptions with their moments, and the own pace.

const RECENT = 20; // trials that the pace is the median of
const MOST = 50; // interruptions of one trial that are told

export class Interruptions {
  constructor() {
    this.start();
    addEventListener("blur", () => this.note("blur"));
    addEventListener("focus", () => this.note("focus"));
    document.addEventListener("visibilitychange", () => this.note(document.hidden ? "hidden" : "visible"));
  }

  start() {
    this.list = [];
    this.zero = performance.now();
  }

  // Moments count from when the image was seen.
  shownAt(time) {
    this.zero = time;
  }

  note(kind) {
    if (this.list.length < MOST) this.list.push({ kind, ms: performance.now() - this.zero });
  }

  taken() {
    return this.list;
  }
}

export class Pace {
  constructor(place) {
    this.place = place;
    this.times = [];
  }

  add(milliseconds) {
    this.times.push(milliseconds);
    this.times = this.times.slice(-RECENT);
  }

  left(trials) {
    if (this.times.length < 3) return;
    const seconds = this.times.toSorted((a, b) => a - b)[this.times.length >> 1] / 1000;
    this.place.textContent = `${seconds.toFixed(1)} s an image · ${rest(seconds * trials)} left`;
  }
}

function rest(seconds) {
  if (seconds < 50) return "under a minute";
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `about ${minutes} min` : `about ${Math.round(minutes / 60)} h`;
}
