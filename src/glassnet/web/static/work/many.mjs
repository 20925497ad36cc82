// Many classes: a panel in the order of their hierarchy, with examples, search and folding.
//
// The text field keeps the focus: letters search, arrows move, Enter picks. A row is laid out by
// the browser when it comes near the screen (content-visibility), and its examples are loaded then.
// What a search finds lies in a list of its own over the panel, whose thousand rows stay as they
// are: to hide and to order them anew took a third of a second a key.

const PAGE = 8; // rows that Page Up and Page Down move by
const BATCH = 8; // found rows that are made at a time; more come as somebody moves towards them

export class Many {
  // panel: {classes: [{name, also, sheet, examples}], sections: [{title, trail, first, last}]}
  constructor(root, panel, pick) {
    this.pick = pick;
    this.at = -1; // the active row among the visible ones
    root.className = "many";
    root.replaceChildren(...this.head(), this.list(panel), this.results());
    this.shown = this.rows;
    this.activate(0, false);
  }

  head() {
    this.field = element("input", { type: "search", id: "search", role: "combobox", autocomplete: "off",
      spellcheck: "false", placeholder: "Type to search the classes", "aria-label": "Search the classes",
      "aria-controls": "classes", "aria-expanded": "true", "aria-autocomplete": "list" });
    this.field.addEventListener("input", () => this.search(this.field.value));
    this.count = element("p", { class: "quiet small", role: "status" });
    this.folding = element("button", { type: "button", class: "small" });
    this.folding.textContent = "Fold all";
    this.folding.addEventListener("click", () => this.foldAll());
    const line = element("div", { class: "many-head" });
    line.append(this.field, this.folding);
    return [line, this.count];
  }

  list({ classes, sections }) {
    this.box = element("div", { id: "classes", class: "classes", role: "listbox", "aria-label": "Classes" });
    this.sections = sections.map((section) => this.section(section, classes));
    this.rows = this.sections.flatMap((section) => section.rows);
    this.rows.forEach((row, i) => {
      row.node.id = `class-${i}`;
      row.node.setAttribute("aria-setsize", this.rows.length);
      row.node.setAttribute("aria-posinset", i + 1);
    });
    this.box.append(...this.sections.map((section) => section.node));
    this.box.addEventListener("click", (event) => this.clicked(event));
    return this.box;
  }

  results() {
    this.found = element("div", { id: "found", class: "classes", role: "listbox", "aria-label": "Classes that fit", hidden: "" });
    this.found.addEventListener("click", (event) => this.clicked(event));
    this.found.addEventListener("scroll", () => {
      const { scrollTop, clientHeight, scrollHeight } = this.found;
      if (scrollTop + 2 * clientHeight > scrollHeight) this.more();
    });
    return this.found;
  }

  section({ title, trail, first, last }, classes) {
    const section = { folded: false, node: element("section", { role: "group", "aria-label": title }) };
    section.rows = classes.slice(first, last).map((each) => row(each, section, title));
    section.header = element("button", { type: "button", class: "fold", tabindex: "-1", "aria-expanded": "true" });
    section.header.append(text("span", title), text("span", trail, "trail"), text("span", String(last - first), "count"));
    section.header.addEventListener("click", () => this.fold(section, !section.folded));
    section.node.style.setProperty("--rows", last - first);
    section.node.append(section.header, ...section.rows.map((each) => each.node));
    return section;
  }

  // Rows whose words fit come first by how well they fit; without a query all, in order.
  search(query) {
    this.show(query);
    this.activate(0, false);
    (this.searching ? this.found : this.box).scrollTop = 0;
  }

  show(query) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    this.searching = words.length > 0;
    this.shown = this.searching ? fitting(this.rows, words) : this.rows.filter((each) => !each.section.folded);
    this.found.replaceChildren();
    if (this.searching) this.more();
    this.found.hidden = !this.searching;
    this.box.setAttribute("aria-hidden", String(this.searching));
    this.field.setAttribute("aria-controls", (this.searching ? this.found : this.box).id);
    this.count.textContent = this.searching ? `${this.shown.length} of ${this.rows.length} classes fit` : "";
  }

  // The next rows of what was found.
  more() {
    const drawn = this.found.childElementCount;
    this.found.append(...this.shown.slice(drawn, drawn + BATCH).map((each, i) => {
      each.hit ??= hit(each);
      each.hit.setAttribute("aria-setsize", this.shown.length);
      each.hit.setAttribute("aria-posinset", drawn + i + 1);
      return each.hit;
    }));
  }

  // What the keyboard does here; whether the key was one of ours.
  key(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE };
    if (event.key in moves) this.activate(this.at + moves[event.key]);
    else if (event.key === "Home" && event.ctrlKey) this.activate(0);
    else if (event.key === "End" && event.ctrlKey) this.activate(this.shown.length - 1);
    else if (event.key === "ArrowLeft" && !this.field.value) this.fold(this.active?.section, true);
    else if (event.key === "ArrowRight" && !this.field.value) this.unfoldNext();
    else if (event.key === "Enter" && !event.ctrlKey && this.chosen) this.choose(this.active, event.timeStamp);
    else return false;
    return true;
  }

  get active() {
    return this.shown[this.at];
  }

  // Enter picks where somebody has searched or moved; otherwise it is the page's.
  get chosen() {
    return this.active && (this.field.value !== "" || this.moved);
  }

  activate(at, moved = true) {
    this.lit?.removeAttribute("aria-selected");
    this.moved = moved;
    this.at = Math.max(0, Math.min(at, this.shown.length - 1));
    while (this.searching && this.found.childElementCount < Math.min(this.at + PAGE, this.shown.length)) this.more();
    this.lit = this.searching ? this.active?.hit : this.active?.node;
    if (!this.lit) return this.field.removeAttribute("aria-activedescendant");
    this.lit.setAttribute("aria-selected", "true");
    this.field.setAttribute("aria-activedescendant", this.lit.id);
    if (moved) this.lit.scrollIntoView({ block: "nearest" });
  }

  choose(chosen, at) {
    this.pick(chosen.name, at);
    this.field.value = "";
    if (this.searching) this.show("");
    this.activate(this.shown.indexOf(chosen), false);
    this.lit?.scrollIntoView({ block: "nearest" });
  }

  clicked(event) {
    const node = event.target.closest("[role=option]");
    const found = node && this.rows.find((each) => each.node === node || each.hit === node);
    if (found) this.choose(found, event.timeStamp);
  }

  // The active row becomes `row`, or the next one that is not folded away.
  fold(section, folded, row = this.active) {
    if (!section || section.folded === folded) return;
    this.turn(section, folded);
    this.show("");
    const at = this.shown.indexOf(row);
    const next = this.shown.findIndex((each) => this.rows.indexOf(each) > this.rows.indexOf(row));
    this.activate(at >= 0 ? at : Math.max(0, next));
  }

  turn(section, folded) {
    section.folded = folded;
    section.node.classList.toggle("folded", folded);
    section.header.setAttribute("aria-expanded", String(!folded));
  }

  // The nearest folded section after the active row's, or before it.
  unfoldNext() {
    const own = this.sections.indexOf(this.active?.section);
    const folded = this.sections.filter((section) => section.folded);
    const near = folded.find((section) => this.sections.indexOf(section) > own) ?? folded.at(-1);
    this.fold(near, false, near?.rows[0]);
  }

  foldAll() {
    const folded = this.folding.textContent === "Fold all";
    for (const section of this.sections) this.turn(section, folded);
    this.folding.textContent = folded ? "Unfold all" : "Fold all";
    this.field.value = "";
    this.search("");
    this.focus();
  }

  mark(names) {
    for (const { name, node, hit } of this.rows) {
      node.classList.toggle("picked", names.includes(name));
      hit?.classList.toggle("picked", names.includes(name));
    }
  }

  enable(on) {
    this.field.disabled = !on;
    this.box.inert = this.found.inert = !on;
  }

  focus() {
    this.field.focus({ preventScroll: true });
  }

  reset() {
    this.field.value = "";
    this.mark([]);
    if (this.searching) this.search("");
    this.activate(this.at, false);
  }
}

function row({ name, also, sheet }, section, group) {
  const node = element("div", { role: "option", class: "class" });
  node.append(text("span", name, "name"));
  if (also) node.append(text("span", also, "also"));
  if (sheet) {
    const strip = element("img", { src: sheet, alt: "", loading: "lazy", decoding: "async", class: "strip" });
    node.append(strip);
  }
  return { name, node, section, words: `${name} ${also ?? ""} ${group}`.toLowerCase() };
}

// A row once more, for the list of what was found.
function hit({ node }) {
  const made = node.cloneNode(true);
  made.id = node.id.replace("class", "hit");
  made.removeAttribute("aria-selected");
  return made;
}

// The rows that all words fit, the best first.
function fitting(rows, words) {
  const found = rows.map((each) => [score(each, words), each]).filter(([fit]) => fit > 0);
  found.sort(([a], [b]) => b - a);
  return found.map(([, each]) => each);
}

// 0 where a word is missing. The name counts before what is said about the class and its group; its
// start counts before the start of another of its words, and that before the middle of a word.
function score({ name, words }, query) {
  let fit = 0;
  for (const word of query) {
    const at = words.indexOf(word);
    if (at < 0) return 0;
    const starts = at === 0 || /[\s-]/.test(words[at - 1]);
    fit += at === 0 ? 200 : (at < name.length ? 100 : 0) + (starts ? 50 : 10);
  }
  return fit + 20 / (1 + name.length);
}

function element(tag, attributes) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function text(tag, content, kind = "") {
  const made = element(tag, kind ? { class: kind } : {});
  made.textContent = content;
  return made;
}
