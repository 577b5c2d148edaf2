// Tables that are updated with every snapshot. Rows and cells are kept and only their text
// changes, so that a selection, the focus and the scroll position survive.
//
// A column: { of: (record) => value, as: a format's name, tone: (record) => a tone, none: a text,
// mark: (record) => a word or null, text: (record) => a text or null, link: (record) => a URL }. A tone
// puts a shape in front of the text (theme.css), because colour alone is not enough; `none` is shown
// instead of null; a mark is the cell's `data-mark`; `text` is shown instead of the formatted value.

import { show } from "./figures.js";

const WORDS = ["text", "clock", "moment"]; // formats of cells that are not aligned as numbers

/** Fill a table's body with a row for each record; `share` of a record (0 to 1) draws its bar. */
export function fill(body, columns, records, { share = null, empty = "No data yet" } = {}) {
  if (records.length === 0) {
    body.replaceChildren(placeholder(columns.length, empty));
    return;
  }
  if (body.firstElementChild?.classList.contains("empty")) body.replaceChildren();
  while (body.rows.length > records.length) body.deleteRow(-1);
  while (body.rows.length < records.length) body.append(row(columns));
  records.forEach((record, n) => fillRow(body.rows[n], columns, record, share));
}

/** Return the records of a mapping from names to counts. */
export function records(counts) {
  return Object.entries(counts).map(([name, count]) => ({ name, count }));
}

/** Return a function that gives a record's part of all of them. */
export function shareOf(all) {
  const total = all.reduce((sum, { count }) => sum + count, 0);
  return ({ count }) => (total > 0 ? count / total : 0);
}

function fillRow(element, columns, record, share) {
  columns.forEach(({ of, as, tone, none, mark, text, link }, n) => {
    const cell = element.cells[n];
    const place = link ? cell.firstElementChild : cell;
    show(place, of(record), as, none, text?.(record) ?? null);
    if (link) place.href = link(record);
    if (tone) cell.dataset.tone = tone(record);
    if (mark) markCell(cell, mark(record));
  });
  if (share) element.style.setProperty("--share", share(record));
}

function markCell(cell, word) {
  if (word === null) delete cell.dataset.mark;
  else cell.dataset.mark = word;
}

function row(columns) {
  const element = document.createElement("tr");
  columns.forEach(({ as, link }, n) => {
    const cell = document.createElement(n === 0 ? "th" : "td");
    if (n === 0) cell.scope = "row";
    if (!WORDS.includes(as)) cell.className = "number";
    if (link) cell.append(document.createElement("a"));
    element.append(cell);
  });
  return element;
}

function placeholder(span, text) {
  const element = document.createElement("tr");
  const cell = document.createElement("td");
  element.className = "empty";
  cell.colSpan = span;
  cell.textContent = text;
  element.append(cell);
  return element;
}
