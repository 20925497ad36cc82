// Numbers into pixels: pictures, units, filters.

// What stands in the style sheet under a name, as [r, g, b].
const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
export function colour(name) {
  pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
  pen.fillRect(0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
}

function put(canvas, width, height, paint) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  paint(image.data);
  context.putImageData(image, 0, 0);
}

// Levels 0..255, white on black whatever the scheme: so the machine saw its digits.
export function picture(canvas, grey, width, height) {
  put(canvas, width, height, (data) => {
    for (let i = 0; i < grey.length; i++) data.set([grey[i], grey[i], grey[i], 255], 4 * i);
  });
}

// Units as small squares, from the colour of what is off to that of what is on; `side` is the
// number of screen pixels that the whole should have.
export function units(canvas, levels, side) {
  const columns = Math.ceil(Math.sqrt(levels.length));
  const rows = Math.ceil(levels.length / columns);
  const density = devicePixelRatio || 1;
  const cell = Math.max(2, Math.floor((side * density) / columns));
  const gap = cell > 3 ? 1 : 0;
  const [off, on] = [colour("--grid"), colour("--judge")];
  canvas.width = columns * cell;
  canvas.height = rows * cell;
  canvas.style.width = `${canvas.width / density}px`;
  const context = canvas.getContext("2d");
  for (let i = 0; i < levels.length; i++) {
    const t = levels[i] / 255;
    context.fillStyle = `rgb(${off.map((value, c) => Math.round(value + t * (on[c] - value)))})`;
    context.fillRect((i % columns) * cell, Math.floor(i / columns) * cell, cell - gap, cell - gap);
  }
}

// Below zero, zero, above: the colours of the report, told apart by people of every colour vision.
export const [BELOW, ZERO, ABOVE] = [[20, 90, 160], [247, 247, 247], [190, 85, 0]];

// Signed bytes, a filter of side * side after another, in a square of filters; `gain` scales them.
export function filters(canvas, weights, count, side, gain) {
  const columns = Math.ceil(Math.sqrt(count));
  const pitch = side + 1;
  const width = columns * pitch - 1;
  const height = Math.ceil(count / columns) * pitch - 1;
  put(canvas, width, height, (data) => {
    for (let i = 0; i < weights.length; i++) {
      const [unit, pixel] = [Math.floor(i / (side * side)), i % (side * side)];
      const x = (unit % columns) * pitch + (pixel % side);
      const y = Math.floor(unit / columns) * pitch + Math.floor(pixel / side);
      const t = Math.max(-1, Math.min(1, (gain * weights[i]) / 127));
      const end = t < 0 ? BELOW : ABOVE;
      const at = 4 * (y * width + x);
      for (let c = 0; c < 3; c++) data[at + c] = ZERO[c] + (end[c] - ZERO[c]) * Math.abs(t);
      data[at + 3] = 255;
    }
  });
}
