// Few classes: one button each, with its key on it.

export class Few {
  // classes: [{name, key}]; pick(name, time): what a button or its key does
  constructor(root, { classes }, pick) {
    this.pick = pick;
    this.buttons = new Map();
    this.keys = new Map();
    root.className = "few";
    root.classList.toggle("many-keys", classes.length > 15);
    root.classList.toggle("digits", classes.length <= 10 && classes.every(({ name, key }) => name === key));
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "Classes");
    root.replaceChildren(...classes.map((each) => this.button(each)));
  }

  button({ name, key, sheet }) {
    const made = document.createElement("button");
    made.type = "button";
    made.dataset.name = name;
    made.disabled = true;
    const cap = document.createElement("kbd");
    cap.textContent = key.toUpperCase();
    const label = document.createElement("span");
    label.textContent = name;
    made.append(cap);
    if (name.toLowerCase() !== key) made.append(label);
    if (sheet) made.append(examples(sheet));
    made.setAttribute("aria-label", name);
    made.setAttribute("aria-keyshortcuts", key);
    made.addEventListener("click", (event) => this.pick(name, event.timeStamp));
    this.buttons.set(name, made);
    this.keys.set(key, name);
    return made;
  }

  enable(on) {
    for (const button of this.buttons.values()) button.disabled = !on;
  }

  // Whether the key was one of ours.
  key(event) {
    const name = this.keys.get(event.key.toLowerCase());
    if (name === undefined) return false;
    this.pick(name, event.timeStamp);
    return true;
  }

  mark(names) {
    for (const [name, button] of this.buttons) {
      button.setAttribute("aria-pressed", String(names.includes(name)));
    }
  }

  focus() {}

  reset() {
    this.mark([]);
  }
}

// As many of a class's examples as the button is wide.
function examples(sheet) {
  const strip = document.createElement("img");
  Object.assign(strip, { src: sheet, alt: "", className: "strip", draggable: false });
  return strip;
}
