// Elements made by scripts. Values become properties and text, never markup.

/** Return an element with properties; `data` are its data attributes, children elements or texts. */
export function make(tag, { data = {}, ...given } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), given);
  Object.assign(element.dataset, data);
  element.append(...children);
  return element;
}

/** Place an element's bar: from `start` with `length`, as parts of the whole. */
export function place(element, start, length) {
  element.style.setProperty("--start", start);
  element.style.setProperty("--length", length);
  return element;
}
