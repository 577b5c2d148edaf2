// The figures that the HTML declares:
//
//   data-metric="requests.total"       where in the snapshot
//   data-format="count"                one of format.js' formats
//   data-of="error_rate_5m.requests"   while this is 0, the figure has no data

import { FORMATS, NO_DATA, format } from "./format.js";

/** Show a value in an element, as `shown` if given; the exact value is in its `data-value`. */
export function show(element, value, formatName, none = NO_DATA, shown = null) {
  const empty = value === null || value === undefined;
  const text = empty ? none : (shown ?? format(value, formatName));
  if (element.textContent !== text) element.textContent = text;
  element.toggleAttribute("data-empty", empty);
  if (empty) {
    delete element.dataset.value;
  } else {
    element.dataset.value = value;
  }
  if (formatName === "count" && value >= 1e6) element.title = value.toLocaleString("en");
}

/** Return the value at a dotted path, or null. */
export function pick(snapshot, path) {
  return path.split(".").reduce((value, key) => value?.[key], snapshot) ?? null;
}

/** Find the declared figures; return a function that fills them from a snapshot. */
export function figures(root) {
  const found = [...root.querySelectorAll("[data-metric]")];
  const unknown = found.find((element) => !(element.dataset.format in FORMATS));
  if (unknown) throw new Error(`no format for ${unknown.dataset.metric}`);
  return (snapshot) => {
    for (const element of found) {
      const { metric, format: name, of } = element.dataset;
      const nothing = of !== undefined && pick(snapshot, of) === 0;
      show(element, nothing ? null : pick(snapshot, metric), name);
    }
  };
}
