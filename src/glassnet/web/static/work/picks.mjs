// The answer in hand: classes in the order in which they were picked, the best guess first.

export class Picks {
  // limit: how many; changed: called after every change
  constructor(limit, changed) {
    this.limit = limit;
    this.changed = changed;
    this.names = [];
  }

  has(name) {
    return this.names.includes(name);
  }

  add(name) {
    if (this.has(name) || this.names.length >= this.limit) return false;
    this.names.push(name);
    this.changed();
    return true;
  }

  toggle(name) {
    return this.has(name) ? this.remove(name) : this.add(name);
  }

  remove(name) {
    this.names = this.names.filter((other) => other !== name);
    this.changed();
    return true;
  }

  removeLast() {
    if (this.names.length) this.remove(this.names.at(-1));
  }

  // One place nearer to the first.
  raise(name) {
    const at = this.names.indexOf(name);
    if (at > 0) this.names.splice(at - 1, 2, name, this.names[at - 1]);
    this.changed();
  }

  set(names) {
    this.names = [...names];
    this.changed();
  }
}

// Draws picks as a list in which each can be raised or taken out.
export function drawPicks(list, picks, ranked) {
  list.replaceChildren(
    ...picks.names.map((name, at) => {
      const item = document.createElement("li");
      const label = document.createElement("span");
      label.textContent = name;
      item.append(label);
      if (ranked && at > 0) item.append(button("↑", `Raise ${name}`, () => picks.raise(name)));
      item.append(button("×", `Take out ${name}`, () => picks.remove(name)));
      return item;
    }),
  );
}

function button(sign, label, action) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = sign;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", action);
  return made;
}
