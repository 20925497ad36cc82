// Lines over steps, as SVG: one line stands out, the others are quiet. Colours are the page's.

const [LEFT, RIGHT, TOP, BOTTOM] = [58, 12, 10, 26];

const node = (name, attributes, text = "") => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
};

// About `count` round numbers between two.
export function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const from = Math.ceil(low / step - 1e-9);
  const to = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => Number(((from + i) * step).toPrecision(12)));
}

// xs: numbers that rise; lines: arrays of as many numbers; chosen: which line stands out;
// mark: an x that is marked; ends: [first, last] x of the axis where it is wider than the data
export function plot(svg, xs, lines, { chosen = 0, mark = null, ends = null, label = "step" } = {}) {
  const width = svg.clientWidth || 600;
  const height = svg.clientHeight || 180;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren();
  if (!xs.length) return;
  const all = lines.flat();
  let [low, high] = [Math.min(...all), Math.max(...all)];
  if (high - low < 1e-9) [low, high] = [low - 1, high + 1];
  const [first, last] = ends ?? [xs[0], Math.max(xs.at(-1), xs[0] + 10)];
  const x = (value) => LEFT + ((value - first) / (last - first || 1)) * (width - LEFT - RIGHT);
  const y = (value) => TOP + ((high - value) / (high - low)) * (height - TOP - BOTTOM);
  for (const value of ticks(low, high, 4)) {
    svg.append(node("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }));
    svg.append(node("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, value.toLocaleString("en").replace("-", "\u2212")));
  }
  for (const value of ticks(first, last, width / 75).filter(Number.isInteger)) {
    svg.append(node("text", { x: x(value), y: height - 6, "text-anchor": "middle" }, value.toLocaleString("en")));
  }
  svg.append(node("text", { x: 4, y: height - 6 }, label));
  if (mark !== null) svg.append(node("line", { class: "mark", x1: x(mark), x2: x(mark), y1: TOP, y2: height - BOTTOM }));
  const line = (values, name) =>
    node("polyline", { class: name, points: values.map((value, i) => `${x(xs[i]).toFixed(1)},${y(value).toFixed(1)}`).join(" ") });
  lines.forEach((values, i) => i !== chosen && svg.append(line(values, "other")));
  svg.append(line(lines[chosen], "chosen"));
  const end = lines[chosen].length - 1;
  svg.append(node("circle", { class: "end", r: 4, cx: x(xs[end]), cy: y(lines[chosen][end]) }));
}
