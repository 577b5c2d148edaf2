// Upstream's rate limits: a bar for each window of a subscription, a table for an API key's.

import { show } from "./figures.js";
import { format } from "./format.js";
import { fill } from "./tables.js";

const TITLES = {
  "5h": "5 hours",
  "7d": "7 days",
  "7d_opus": "7 days, Opus",
  "7d_sonnet": "7 days, Sonnet",
  overage: "Extra usage",
};
const ALWAYS = ["5h", "7d"];
const OVERALL = "unified"; // the status of all windows together; it has no utilization
const UNKNOWN = { utilization: null, status: null, reset: null, forecast: null };
const NEARLY = 0.9; // the fraction from which a window counts as nearly used up

const STATUSES = {
  allowed: { tone: "ok", text: "allowed" },
  allowed_warning: { tone: "warn", text: "allowed, warning" },
  rejected: { tone: "bad", text: "rejected" },
};

const KIND_COLUMNS = [
  { of: ({ kind }) => kind, as: "text" },
  { of: ({ remaining }) => remaining, as: "count" },
  { of: ({ limit }) => limit, as: "count" },
];

/** Show every known window; `now` in seconds since the epoch, by the proxy's clock. */
export function showWindows(list, template, windows, now) {
  const shown = Object.keys(windows).filter((name) => name !== OVERALL && !ALWAYS.includes(name));
  [...ALWAYS, ...shown].forEach((name, n) => {
    const item = list.children[n] ?? list.appendChild(template.content.firstElementChild.cloneNode(true));
    showWindow(item, name, windows[name] ?? UNKNOWN, now);
  });
  while (list.children.length > ALWAYS.length + shown.length) list.lastElementChild.remove();
}

/** Show the limits of an API key; the table is hidden while upstream states none. */
export function showKinds(table, kinds) {
  const records = Object.entries(kinds).map(([kind, limit]) => ({ kind, ...limit }));
  table.hidden = records.length === 0;
  fill(table.tBodies[0], KIND_COLUMNS, records);
}

function showWindow(item, name, { utilization, status, reset, forecast }, now) {
  const title = TITLES[name] ?? name;
  item.dataset.window = name;
  item.querySelector(".title").textContent = title;
  show(item.querySelector(".used"), utilization, "percent");
  const word = STATUSES[status] ?? { tone: "idle", text: status ?? "" };
  item.querySelector(".status").textContent = word.text;
  item.querySelector(".status").dataset.tone = word.tone;
  item.querySelector(".reset").textContent = countdown(reset, now);
  item.querySelector(".forecast").textContent = expected(utilization, forecast, reset, now);
  item.dataset.level = level(utilization);
  item.querySelector(".meter").style.setProperty("--share", Math.min(1, utilization ?? 0));
}

function level(utilization) {
  if (utilization === null) return "none";
  return utilization >= 1 ? "full" : utilization >= NEARLY ? "high" : "normal";
}

// When the window will be full at the current pace; nothing about one that has reset.
function expected(utilization, forecast, reset, now) {
  if (utilization === null || (reset !== null && reset <= now)) return "";
  if (forecast === null) return "Not enough data to say when it will be full.";
  const { estimate, earliest, latest } = forecast;
  if (utilization >= 1) return `Full since ${moment(estimate, now)}.`;
  if (earliest === null) return "Not full before it resets, at the current pace.";
  const until = latest === null ? "the reset" : moment(latest, now);
  if (estimate === null) return `May be full before it resets: ${moment(earliest, now)} at the earliest.`;
  return `Full at about ${moment(estimate, now)} (${moment(earliest, now)} to ${until}).`;
}

// The time, with the day if that is another one.
function moment(time, now) {
  const same = new Date(time * 1000).toDateString() === new Date(now * 1000).toDateString();
  return format(time, same ? "minute" : "day");
}

function countdown(reset, now) {
  if (reset === null) return "";
  if (reset <= now) return "has reset since";
  return `resets in ${format(reset - now, "duration")}, ${format(reset, "day")}`;
}
