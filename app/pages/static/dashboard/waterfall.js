// The phases of one request, one below the other, each where it was in time.

import { make, place } from "./element.js";
import { format } from "./format.js";

const SHORTEST = 0.002; // seconds; shorter phases are left out, unless they are waits for a slot

/**
 * Return the phases of a request: `{ name, kind, start, length }` in seconds from its start; the tools
 * that the client ran come before it. A phase of unknown place (`within`) is somewhere in its range.
 */
export function phases({ duration, attempts, timings }) {
  const { tool_time: tools, overhead_request: own, slot_wait: slot, upstream_headers: headers } = timings;
  const token = timings.first_token ?? timings.first_byte;
  const begun = token ?? duration;
  const known = (own ?? 0) + (slot ?? 0) + (headers ?? 0);
  // Times of earlier attempts are not kept: they are what is left, and came first.
  const earlier = attempts > 1 ? Math.max(0, begun - known) : 0;
  const found = [];
  let at = 0;
  const add = (name, kind, length, least = SHORTEST) => {
    if (length !== null && length >= least) found.push({ name, kind, start: at, length });
    at += length ?? 0;
  };
  if (tools > 0) found.push({ name: "Client's tools, before the request", kind: "tools", start: -tools, length: tools });
  add("Earlier attempts and pauses", "retry", earlier);
  add("Proxy", "own", own, 0);
  add("Wait for an upstream slot", "slot", slot);
  add("Upstream, until the headers", "headers", headers);
  add(token === null ? "Until the end" : "Until the first token", "token", Math.max(0, begun - at));
  at = begun;
  if (token !== null) add("Streaming", "stream", Math.max(0, duration - begun), 0);
  const silence = timings.longest_event_gap ?? timings.longest_byte_gap;
  const range = { start: Math.min(known + earlier, duration), within: true };
  const inside = (name, kind, length) => {
    if (length >= SHORTEST) found.push({ name, kind, ...range, length: Math.min(length, duration - range.start) });
  };
  inside("Longest silence of upstream", "silence", silence);
  inside("Longest wait for the client", "stall", timings.longest_client_stall);
  return found;
}

/** Return a table of the phases with bars. */
export function waterfall(request) {
  const all = phases(request);
  const { duration } = request;
  // Tools may take minutes: they get at most half of the width.
  const before = Math.min(Math.max(0, ...all.map(({ start }) => -start)), Math.max(duration, 0.001));
  const whole = before + Math.max(duration, 0.001);
  const rows = all.map(({ name, kind, start, length, within }) => {
    const from = Math.max(start, -before);
    const to = start < 0 ? 0 : start + length;
    const bar = place(make("span", { className: "span", data: { kind } }), (from + before) / whole, (to - from) / whole);
    if (start < from) bar.dataset.cut = "";
    return make(
      "tr",
      within ? { className: "inside" } : {},
      make("th", { scope: "row" }, name),
      make("td", { className: "timeline" }, bar),
      make("td", { className: "number" }, format(length, "latency")),
    );
  });
  const total = make(
    "tr",
    {},
    make("th", { scope: "row" }, "Request"),
    make("td", { className: "timeline" }),
    make("td", { className: "number" }, format(duration, "latency")),
  );
  const note = all.some(({ within }) => within)
    ? [make("p", { className: "note" }, "Hatched: its length is known, its time is not. It is part of the phases above.")]
    : [];
  const table = make(
    "table",
    { className: "waterfall" },
    make("tbody", {}, ...rows),
    make("tfoot", {}, total),
  );
  // Not a caption: out of sight, it would be a row of its own, and make the columns equal.
  table.ariaLabel = "Phases of the request in the order of time";
  return make("div", {}, table, ...note);
}
