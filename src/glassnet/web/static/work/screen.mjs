// What the answers are seen on, for the report: sizes in CSS pixels, pixels a CSS pixel, touch.

document.getElementById("screen").value = JSON.stringify({
  screen: [screen.width, screen.height],
  window: [innerWidth, innerHeight],
  ratio: devicePixelRatio,
  touch: matchMedia("(pointer: coarse)").matches,
});
