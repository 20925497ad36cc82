// Chains as the browser carries them: each step sends the states of the hidden units and gets the
// next ones. The server remembers nothing, so this is all there is to a dream.

import { post } from "../server.mjs";
import { decode, row, spread } from "./bytes.mjs";

const KEPT = 600; // steps whose energies are kept

export class Chains {
  constructor(machine, sizes, pixels) {
    Object.assign(this, { machine, sizes, pixels });
    this.begin(1, 0);
  }

  // From noise, so many chains; nothing is asked of the server yet.
  begin(count, seed) {
    Object.assign(this, { count, seed, frame: null, steps: [], energies: [] });
  }

  // The next frame: the first one shows the noise.
  async next(held, temperature, strength) {
    const { machine, count, seed, frame } = this;
    const asked = { machine, chains: count, seed, temperature, strength, ...held };
    if (frame) Object.assign(asked, { step: frame.step, states: frame.hidden.flatMap(({ bits }) => bits ?? []) });
    const came = await post("/dreams/step", asked);
    if (this.frame === frame && this.seed === seed && this.count === count) this.take(came); // else begun anew
  }

  take(frame) {
    this.frame = frame;
    this.steps.push(frame.step);
    this.energies.push(frame.energy);
    if (this.steps.length > KEPT) {
      this.steps.shift();
      this.energies.shift();
    }
  }

  visible(i) {
    return row(decode(this.frame.visible), i, this.pixels);
  }

  // Levels 0..255 of hidden layer `layer`, counted from the pixels, in chain i.
  hidden(layer, i) {
    const size = this.sizes[layer];
    const { bits, levels } = this.frame.hidden[layer];
    return bits ? spread(row(decode(bits), i, Math.ceil(size / 8)), size) : row(decode(levels), i, size);
  }

  label(i) {
    return this.frame.label[i];
  }

  lines() {
    return Array.from({ length: this.count }, (_, i) => this.energies.map((each) => each[i]));
  }

  saved() {
    const { count, seed, frame, steps, energies } = this;
    return { count, seed, frame, steps, energies };
  }

  restore(saved) {
    Object.assign(this, saved);
  }
}
