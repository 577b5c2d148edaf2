// Buttons below a list that comes in pages. A page replaces the one before: memory stays bounded.

import { make } from "./element.js";

/** State: the cursors that led to the present page, and that of the next one. */
export class Pager {
  #element;
  #load;
  #back;
  #on;
  #cursors = [undefined];
  #next = null;

  /** `back` and `on` are the buttons' texts; `load` is called when another page is wanted. */
  constructor(element, back, on, load) {
    this.#element = element;
    this.#load = load;
    this.#back = make("button", { type: "button", onclick: () => this.#go(-1) }, back);
    this.#on = make("button", { type: "button", onclick: () => this.#go(1) }, on);
    element.append(this.#back, this.#on);
    this.shown(null);
  }

  /** The cursor of the present page. */
  get cursor() {
    return this.#cursors.at(-1);
  }

  /** Whether this is the first page. */
  get first() {
    return this.#cursors.length === 1;
  }

  /** Go back to the first page. */
  reset() {
    this.#cursors = [undefined];
  }

  /** Note that the present page is shown; `next` is the cursor of the next, or null. */
  shown(next) {
    this.#next = next;
    this.#element.hidden = this.first && next === null;
    // Not `disabled`: a button that has the focus keeps it.
    this.#back.ariaDisabled = this.first;
    this.#on.ariaDisabled = next === null;
  }

  #go(step) {
    if (step > 0 ? this.#next === null : this.first) return;
    if (step > 0) this.#cursors.push(this.#next);
    else this.#cursors.pop();
    this.#load();
  }
}
