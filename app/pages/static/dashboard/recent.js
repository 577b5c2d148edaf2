// The last requests, the newest first: when, what, how it went and what it took. No content.

import { statusTone } from "./breakdowns.js";
import { fill } from "./tables.js";

const NONE = "–"; // many requests have no tokens: the words would drown the figures

const COLUMNS = [
  { of: ({ time }) => time, as: "clock" },
  { of: ended, as: "text", tone: endedTone },
  { of: asked, as: "text" },
  { of: (request) => request.time_to_first_token, as: "latency", none: NONE },
  { of: ({ duration }) => duration, as: "latency" },
  { of: (request) => request.input_tokens, as: "count", none: NONE },
  { of: (request) => request.output_tokens, as: "count", none: NONE },
  { of: ({ cost }) => cost, as: "money", none: NONE },
  { of: (request) => request.request_id, as: "text", none: NONE },
];

/** Fill the table with the snapshot's last requests. */
export function fillRecent(table, { recent }) {
  fill(table.tBodies[0], COLUMNS, recent, { empty: "No requests yet" });
}

// The model; what was asked of it where that is not a message: "claude-opus-5-5 · count_tokens".
function asked({ model, route }) {
  if (model === "none") return route;
  return route === "messages" ? model : `${model} · ${route}`;
}

// The status, and the outcome where it is not the usual one: "200 upstream abort".
function ended({ status, outcome }) {
  const words = outcome === "complete" ? [status] : [status, outcome.replaceAll("_", " ")];
  return words.filter((word) => word !== null).join(" ");
}

function endedTone({ status, outcome }) {
  if (outcome === "client_abort") return "idle";
  if (outcome === "complete" || outcome === "client_error") return statusTone(status);
  return "bad";
}
