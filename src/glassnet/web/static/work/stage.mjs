// The place where an image is seen: it is fetched before its turn, painted at once, and timed.

import { Refused } from "../server.mjs";

export const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

// The moment at which what was painted in this frame has reached the screen, as near as a page can
// know it: the start of the frame after.
export async function painted() {
  await frame();
  return frame();
}

export class Stage {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.fetched = new Map(); // id -> promise of a bitmap
  }

  // One size for every image of a bench, so that the size on the screen tells nothing.
  size(side) {
    this.canvas.style.setProperty("--side", `${side}px`);
  }

  fetch(id) {
    if (!this.fetched.has(id)) {
      const bitmap = fetch(`/work/image/${id}`).then(async (response) => {
        if (!response.ok) throw new Refused(response.status, "This image cannot be had any more.");
        return createImageBitmap(await response.blob());
      });
      bitmap.catch(() => this.fetched.delete(id)); // the next try fetches anew
      this.fetched.set(id, bitmap);
    }
    return this.fetched.get(id);
  }

  // Paints the image and gives the time at which it was seen.
  async show(id) {
    const bitmap = await this.fetch(id);
    this.canvas.width = bitmap.width;
    this.canvas.height = bitmap.height;
    this.pen.drawImage(bitmap, 0, 0);
    return painted();
  }

  keepOnly(ids) {
    for (const id of this.fetched.keys()) {
      if (!ids.includes(id)) this.fetched.delete(id);
    }
  }

  clear() {
    this.pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  cross() {
    const { pen } = this;
    this.canvas.width = this.canvas.height = 256;
    pen.fillStyle = "#222";
    pen.fillRect(120, 126, 16, 4);
    pen.fillRect(126, 120, 4, 16);
  }

  // What `noise` made, in place of the image.
  mask(noise) {
    this.canvas.width = noise.width;
    this.canvas.height = noise.height;
    this.pen.putImageData(noise, 0, 0);
  }
}

// Noise with about the spectrum of photographs (amplitude 1 / frequency): squares of random grey,
// each octave half as large as the one before, and weaker.
export function noise(side = 256) {
  const made = new ImageData(side, side);
  const grey = new Float32Array(side * side).fill(128);
  for (let cell = side / 2, strength = 110; cell >= 1; cell /= 2, strength /= 1.6) {
    const across = side / cell;
    const values = Float32Array.from({ length: across * across }, () => Math.random() - 0.5);
    for (let i = 0; i < grey.length; i++) {
      const column = Math.floor((i % side) / cell), row = Math.floor(i / side / cell);
      grey[i] += strength * values[row * across + column];
    }
  }
  for (let i = 0; i < grey.length; i++) {
    made.data.fill(grey[i], 4 * i, 4 * i + 3);
    made.data[4 * i + 3] = 255;
  }
  return made;
}

// Until so many milliseconds have passed since `start`, a frame's time; ends with the frame that is
// nearest.
export async function hold(milliseconds, start) {
  let now = start;
  while (now - start < milliseconds - 8) now = await frame();
}
