// The last requests, the newest first: when, what, how it went and what it took. No content.

import { statusTone } from "./breakdowns.js";
import { fill } from "./tables.js";

const COLUMNS = [
  { of: ({ time }) => time, as: "clock" },
  { of: ({ model, route }) => (model === "none" ? route : model), as: "text" },
  { of: ended, as: "text", tone: endedTone },
  { of: (request) => request.time_to_first_token, as: "latency" },
  { of: ({ duration }) => duration, as: "latency" },
  { of: (request) => request.input_tokens, as: "count" },
  { of: (request) => request.output_tokens, as: "count" },
  { of: ({ cost }) => cost, as: "money" },
  { of: (request) => request.request_id, as: "text" },
];

/** Fill the table with the snapshot's last requests. */
export function fillRecent(table, { recent }) {
  fill(table.tBodies[0], COLUMNS, recent, { empty: "No requests yet" });
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
