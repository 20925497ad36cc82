// What a page must have so that it can be used without seeing it, or without seeing it well.
// Evaluated in the page by test_browser_access.py; gives a list of complaints.
() => {
  const complaints = [];
  const say = (what, node) => complaints.push(`${what}: ${node.outerHTML.slice(0, 120)}`);
  const shown = (node) => node.checkVisibility({ visibilityProperty: true }) && !node.closest("[inert], .unseen");
  const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);

  const byId = (ids) => (ids ?? "").split(/\s+/).filter(Boolean).map((id) => document.getElementById(id));
  const labelled = (node) =>
    node.getAttribute("aria-label")?.trim() || byId(node.getAttribute("aria-labelledby"))[0]?.textContent.trim();
  const texts = (node) => node.textContent.trim() || labelled(node) || node.title;

  if (document.documentElement.lang !== "en") complaints.push("no language");
  if (!document.title.trim()) complaints.push("no title");
  if (document.querySelectorAll("main").length !== 1) complaints.push("not one main");
  if (document.querySelectorAll("h1").length !== 1) complaints.push("not one h1");

  for (const field of all("input:not([type=hidden]), select, textarea")) {
    if (!labelled(field) && ![...(field.labels ?? [])].some((label) => label.textContent.trim())) say("no label", field);
  }
  for (const node of all("button, a[href], summary")) if (!texts(node)) say("no name", node);
  for (const image of all("img")) if (!image.hasAttribute("alt")) say("no alt", image);
  for (const node of all("canvas, progress, dialog, [role=listbox], [role=img]")) {
    if (!labelled(node)) say("no name", node);
  }
  for (const field of all("fieldset")) if (!field.querySelector("legend")?.textContent.trim()) say("no legend", field);

  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) complaints.push(`twice: #${id}`);
  for (const name of ["aria-labelledby", "aria-controls", "aria-activedescendant", "for"]) {
    for (const node of document.querySelectorAll(`[${name}]`)) {
      if (byId(node.getAttribute(name)).includes(null)) say(`${name} leads nowhere`, node);
    }
  }
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) say("a heading level is left out", heading);
    level = own;
  }
  for (const node of document.querySelectorAll("[tabindex]")) if (node.tabIndex > 0) say("an order of its own", node);

  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgba("Canvas");
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement;
    if (!text.data.trim() || !shown(node) || node.closest(":disabled, option, svg")) continue;
    const style = getComputedStyle(node);
    const [a, b] = [light(rgba(style.color)), light(behind(node))].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.6 && style.fontWeight >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) say(`contrast ${ratio.toFixed(2)}`, node);
  }
  return complaints;
};
