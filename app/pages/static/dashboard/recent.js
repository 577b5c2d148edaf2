// The last requests: start, result, duration, tokens and cost. No content.

import { statusTone } from "./breakdowns.js";
import { fill } from "./tables.js";

const NONE = "–"; // many requests have no tokens: words would hide the figures

const REASONS = { cut: "cut by upstream", client_abort: "client left" };

const COLUMNS = [
  { of: ({ time }) => time, as: "clock" },
  { of: ended, as: "text", tone: endedTone },
  { of: asked, as: "text" },
  { of: (request) => request.time_to_first_token, as: "latency", none: NONE },
  { of: ({ duration }) => duration, as: "latency" },
  { of: (request) => request.input_tokens, as: "count", none: NONE },
  { of: (request) => request.output_tokens, as: "count", none: NONE, mark: estimated },
  { of: ({ cost }) => cost, as: "money", none: NONE, mark: estimated },
  { of: (request) => request.request_id, as: "text", none: NONE },
];

/** Fill the table with the snapshot's last requests. */
export function fillRecent(table, { recent }) {
  fill(table.tBodies[0], COLUMNS, recent, { empty: "No requests yet" });
}

// A stream that ended early stated no final usage: its tokens and cost are estimates.
function estimated(request) {
  return request.estimated ? "estimated" : null;
}

/** Return the model, and the route unless it is messages: "claude-opus-5-5 · count_tokens". */
export function asked({ model, route }) {
  if (model === "none") return route;
  return route === "messages" ? model : `${model} · ${route}`;
}

/** Return the status, and the reason of the failure or the outcome: "502 connect failed". */
export function ended({ status, outcome, reason }) {
  return [status, fate(outcome, reason)].filter((word) => word !== null).join(" ");
}

function fate(outcome, reason) {
  // A reason of digits repeats the status.
  const word = reason !== null && !/^\d+$/.test(reason) ? reason : outcome;
  return word === "complete" ? null : (REASONS[word] ?? word.replaceAll("_", " "));
}

/** Return the tone of a request's end. */
export function endedTone({ status, outcome }) {
  if (outcome === "client_abort") return "idle";
  if (outcome === "complete" || outcome === "client_error") return statusTone(status);
  return "bad";
}
