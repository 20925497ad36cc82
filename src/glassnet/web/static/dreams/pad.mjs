// A drawing of a few pixels, made with mouse, pen, finger or keys, and which of them are held.

const CELL = 10; // canvas pixels of one of the drawing's
const PEN = 1.35; // its radius, in the drawing's pixels
const BRUSH = 2.6;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Pad {
  // changed: called when the drawing, or what is held of it, is another
  constructor(canvas, width, height, changed) {
    Object.assign(this, { canvas, width, height, changed });
    this.ink = new Uint8Array(width * height);
    this.brushed = new Uint8Array(width * height); // 1 where it was brushed over
    this.known = "top";
    this.tool = "draw";
    this.past = [];
    this.at = [width / 2, height / 2]; // where the pen of the keys is
    this.down = false;
    canvas.width = width * CELL;
    canvas.height = height * CELL;
    this.listen();
    this.draw();
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (this.last = null));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => this.draw());
    canvas.addEventListener("blur", () => {
      this.down = false;
      this.draw();
    });
  }

  // Which pixels are held: 1 or 0 each.
  held() {
    const { width, height, known, brushed } = this;
    if (known === "brush") return brushed;
    const inside = {
      top: (x, y) => y < height / 2, bottom: (x, y) => y >= height / 2,
      left: (x) => x < width / 2, right: (x) => x >= width / 2,
    }[known];
    return Uint8Array.from(this.ink, (_, i) => Number(inside(i % width, Math.floor(i / width))));
  }

  begin(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.remember();
    this.last = this.place(event);
    this.stroke(this.last, this.last);
  }

  move(event) {
    if (!this.last) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) {
      const place = this.place(each);
      this.stroke(this.last, place);
      this.last = place;
    }
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.width, ((event.clientY - box.top) / box.height) * this.height];
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = MOVES[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    if (event.key === " ") {
      this.down = !this.down;
      if (this.down) this.remember();
      this.stroke(this.at, this.at, this.down);
      return;
    }
    const limits = [this.width - 0.5, this.height - 0.5];
    const next = this.at.map((value, i) => Math.max(0.5, Math.min(limits[i], value + move[i])));
    this.stroke(this.at, next, this.down);
    this.at = next;
    this.draw();
  }

  // A line from a to b with the tool in hand; where not `touching`, only the pen moves.
  stroke(a, b, touching = true) {
    if (touching) {
      const radius = this.tool === "draw" ? PEN : BRUSH;
      for (let i = 0; i < this.ink.length; i++) {
        const distance = toSegment([(i % this.width) + 0.5, Math.floor(i / this.width) + 0.5], a, b);
        this.touch(i, Math.max(0, Math.min(1, (radius + 0.4 - distance) / 0.8)));
      }
      this.changed();
    }
    this.draw();
  }

  // How the tool marks pixel i, which it covers so far, 0..1.
  touch(i, cover) {
    if (this.tool === "draw") this.ink[i] = Math.max(this.ink[i], Math.round(255 * cover));
    else if (this.tool === "erase") this.ink[i] = Math.min(this.ink[i], Math.round(255 * (1 - cover)));
    else if (cover > 0.5) this.brushed[i] = 1;
  }

  remember() {
    this.past.push([this.ink.slice(), this.brushed.slice()]);
    if (this.past.length > 50) this.past.shift();
  }

  undo() {
    if (!this.past.length) return;
    [this.ink, this.brushed] = this.past.pop();
    this.renew();
  }

  show(ink, brushed = new Uint8Array(ink.length)) {
    this.remember();
    [this.ink, this.brushed] = [ink, brushed];
    this.renew();
  }

  renew() {
    this.changed();
    this.draw();
  }

  // Ink white on black; what is not held is tinted, and its ink, which does not count, faint.
  draw() {
    const context = this.canvas.getContext("2d");
    const held = this.held();
    for (let i = 0; i < this.ink.length; i++) {
      const [x, y] = [(i % this.width) * CELL, Math.floor(i / this.width) * CELL];
      const level = held[i] ? this.ink[i] : this.ink[i] * 0.4;
      const tint = held[i] ? [0, 0, 0] : [18, 52, 84];
      context.fillStyle = `rgb(${tint.map((value) => Math.round(value + (level / 255) * (255 - value)))})`;
      context.fillRect(x, y, CELL, CELL);
    }
    if (document.activeElement === this.canvas && this.canvas.matches(":focus-visible")) this.drawPen(context);
  }

  drawPen(context) {
    const [x, y] = this.at.map((value) => value * CELL);
    context.strokeStyle = this.down ? "#ffb45c" : "#ffffff";
    context.lineWidth = 2;
    context.strokeRect(x - CELL, y - CELL, 2 * CELL, 2 * CELL);
  }
}

function toSegment([px, py], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const t = Math.max(0, Math.min(1, ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(px - ax - t * dx, py - ay - t * dy);
}
