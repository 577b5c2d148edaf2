// Buttons below a list that comes in pages. A page replaces the one before: memory stays bounded.

import { make } from "./element.js";

/**
 * State: the cursors that lead to the wanted page, those of the page that is shown, and the cursor of
 * the next one.
 */
export class Pager {
  #element;
  #load;
  #back;
  #on;
  #cursors = [undefined];
  #shown = this.#cursors;
  #next = null;

  /**
   * `back` and `on` are the buttons' texts; `load` is called when another page is wanted, and returns a
   * promise of false if it cannot be had.
   */
  constructor(element, back, on, load) {
    this.#element = element;
    this.#load = load;
    this.#back = make("button", { type: "button", onclick: () => this.#go(-1) }, back);
    this.#on = make("button", { type: "button", onclick: () => this.#go(1) }, on);
    element.append(this.#back, this.#on);
    this.shown(null);
  }

  /** The cursor of the wanted page. */
  get cursor() {
    return this.#cursors.at(-1);
  }

  /** Whether the first page is wanted. */
  get first() {
    return this.#cursors.length === 1;
  }

  /** Go back to the first page. */
  reset() {
    this.#cursors = [undefined];
  }

  /** Note that the wanted page is shown; `next` is the cursor of the next, or null. */
  shown(next) {
    this.#shown = this.#cursors;
    this.#next = next;
    this.#element.hidden = this.first && next === null;
    // Not `disabled`: a button that has the focus keeps it.
    this.#back.ariaDisabled = this.first;
    this.#on.ariaDisabled = next === null;
  }

  async #go(step) {
    const from = this.#shown;
    if (step > 0 ? this.#next === null : from.length === 1) return;
    this.#cursors = step > 0 ? [...from, this.#next] : from.slice(0, -1);
    if ((await this.#load()) === false) this.#cursors = this.#shown;
  }
}
