// One request in detail: where its time went, what filled its context, what the cache did, and facts.

import { advice, verdictName, toneOf } from "./cache.js";
import { make } from "./element.js";
import { format } from "./format.js";
import { outputTokens, promptTokens } from "./usage.js";
import { waterfall } from "./waterfall.js";

const PARTS = { tools: "Tools", system: "System prompt", messages: "Messages" };
const MCP = /^mcp__(.+?)__$/;

/** Return an element with all that is known of a request. */
export function requestDetails(request) {
  return make(
    "div",
    { className: "request" },
    block("Where the time went", waterfall(request)),
    block("What filled the context", context(request)),
    block("What the prompt cache did", cache(request)),
    block("Facts", facts(request)),
  );
}

function block(title, ...children) {
  return make("section", {}, make("h3", {}, title), ...children);
}

function context({ context: parts }) {
  const shown = Object.entries(parts ?? {}).sort(([, one], [, other]) => other - one);
  const total = shown.reduce((sum, [, tokens]) => sum + tokens, 0);
  if (total === 0) return make("p", { className: "note" }, "Not known: the body was not read, or the answer states no usage.");
  const rows = shown.map(([part, tokens]) => {
    const row = make(
      "tr",
      {},
      make("th", { scope: "row" }, partName(part)),
      make("td", { className: "number" }, format(tokens, "count")),
      make("td", { className: "number" }, format(tokens / total, "percent")),
    );
    row.style.setProperty("--share", tokens / total);
    return row;
  });
  const headings = ["Part", "Tokens", "Share"].map((text, n) =>
    make("th", { scope: "col", className: n > 0 ? "number" : "" }, text),
  );
  return make(
    "table",
    { className: "bars" },
    make("caption", { className: "unseen" }, "Tokens of the prompt by part of the request"),
    make("thead", {}, make("tr", {}, ...headings)),
    make("tbody", {}, ...rows),
  );
}

/** Return a part's name in words; an MCP server's tools go by the server's. */
export function partName(part) {
  const server = MCP.exec(part)?.[1];
  return server === undefined ? (Object.hasOwn(PARTS, part) ? PARTS[part] : part) : `MCP server ${server}`;
}

function cache({ cache: found }) {
  if (found === null) return make("p", { className: "note" }, "Not known: the answer states no usage.");
  const { verdict, missed, miss_cost_usd: cost, saved_usd: saved } = found;
  const lines = [
    make("p", { className: "verdict", data: { tone: toneOf(verdict) } }, verdictName(verdict)),
    make("p", {}, advice(found)),
  ];
  if (missed > 0) {
    const dollars = cost === null ? "" : `, which cost ${format(cost, "money")} more`;
    lines.push(make("p", {}, `${format(missed, "count")} tokens could have been read and were not${dollars}.`));
  }
  if (saved !== null) lines.push(make("p", { className: "note" }, savings(saved)));
  return make("div", {}, ...lines);
}

function savings(saved) {
  if (saved < 0) return `The cache was written for ${format(-saved, "money")} more than plain input; later requests gain by it.`;
  return `The cache saved ${format(saved, "money")} at list price.`;
}

function facts(request) {
  const { secrets, error } = request;
  const known = [
    ["Request ID", request.request_id],
    ["Client's request ID", request.client_request_id],
    ["Class", request.request_class],
    ["Error", error && [error.source, error.type, error.reason].filter(Boolean).join(", ")],
    ["Stop reason", request.stop_reason],
    ["Attempts", request.attempts > 1 ? format(request.attempts, "count") : null],
    ["Client's retry", request.client_retry > 0 ? format(request.client_retry, "count") : null],
    ["Prompt tokens", format(promptTokens(request), "count")],
    ["Output tokens", format(outputTokens(request), "count")],
    ["Thinking tokens", request.thinking > 0 ? format(request.thinking, "count") : null],
    ["Usage missing", request.usage_missing],
    ["Request body", format(request.bytes_in, "bytes")],
    ["Response body", format(request.bytes_out, "bytes")],
    ["Secrets replaced", secrets.found > 0 ? format(secrets.found, "count") : null],
    ["Not scanned", secrets.skipped],
    ["5-hour window", used(request.windows["5h"])],
    ["7-day window", used(request.windows["7d"])],
  ];
  const rows = known.filter(([, value]) => value !== null);
  return make("dl", {}, ...rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

function used({ before, after }) {
  if (after === null) return null;
  const shares = [before, after].filter((share) => share !== null).map((share) => format(share, "percent"));
  return [...new Set(shares)].join(" → ");
}
