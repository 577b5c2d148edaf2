// The tables of the page: which part of a snapshot each one shows.

import { verdictName, verdicts } from "./cache.js";
import { modelName, moneyParts } from "./format.js";
import { fill, records, shareOf } from "./tables.js";

const STATUS_NAMES = {
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No content",
  400: "Invalid request",
  401: "Not authenticated",
  402: "Billing",
  403: "Not permitted",
  404: "Not found",
  405: "Method not allowed",
  409: "Conflict",
  413: "Too large",
  422: "Unprocessable",
  429: "Rate limited",
  500: "Internal error",
  502: "Bad gateway",
  503: "Unavailable",
  504: "Timed out",
  529: "Overloaded",
  none: "Client left first",
};
const TOKEN_TYPES = {
  input: "Input",
  cache_read: "Cache read",
  cache_write_5m: "Cache write, 5 min",
  cache_write_1h: "Cache write, 1 h",
  output: "Output",
  estimated: "Output, estimated",
};
// A cost without tokens: the table's last row.
const TOOLS = "server_tools";
const COST_NAMES = { ...TOKEN_TYPES, [TOOLS]: "Server tools" };
const ENDS = {
  complete: ["Complete", "ok"],
  client_abort: ["Client left", "idle"],
  upstream_abort: ["Cut by upstream", "bad"],
  upstream_error_event: ["Error event", "bad"],
  upstream_timeout: ["Upstream timed out", "bad"],
  proxy_error: ["Proxy error", "bad"],
  shutdown: ["Cut at shutdown", "warn"],
};
const CLASSES = {
  client: "Client",
  limit: "Rate limit",
  overload: "Overloaded",
  upstream: "Upstream",
  proxy: "This proxy",
  network: "Network",
};
const LATENCIES = {
  time_to_first_token: "Time to first token",
  overhead_request: "Proxy overhead, request",
  overhead_response: "Proxy overhead, response",
};

const name = { of: ({ name }) => name, as: "text" };
const count = { of: ({ count }) => count, as: "count" };
const MONEY = { of: ({ spent }) => spent, as: "money", text: ({ text }) => text };
const words = (names) => ({ of: ({ name }) => (Object.hasOwn(names, name) ? names[name] : name), as: "text" });

const FILLERS = {
  statuses(body, { requests }) {
    const all = records(requests.by_status);
    const columns = [
      { ...name, tone: ({ name: status }) => statusTone(status) },
      { of: ({ name: status }) => STATUS_NAMES[status] ?? "", as: "text" },
      count,
    ];
    fill(body, columns, all, { share: shareOf(all) });
  },
  ends(body, { streams }) {
    const all = records(streams.ends);
    const columns = [
      { of: ({ name: cause }) => ENDS[cause]?.[0] ?? cause, as: "text", tone: endTone },
      count,
    ];
    fill(body, columns, all, { share: shareOf(all) });
  },
  tokens(body, { tokens, cost }) {
    const types = Object.keys({ ...TOKEN_TYPES, [TOOLS]: 0, ...cost.by_type });
    const used = (kind) => tokens.by_type[kind] ?? (kind in TOKEN_TYPES ? 0 : null);
    const spent = types.map((kind) => cost.by_type[kind] ?? null);
    const texts = moneyParts(spent, cost.total);
    const all = types.map((kind, at) => ({ name: kind, count: used(kind), spent: spent[at], text: texts[at] }));
    fill(body, [words(COST_NAMES), { ...count, none: "–" }, MONEY], all);
  },
  latencies(body, { latency }) {
    const all = Object.keys(LATENCIES).map((kind) => ({ name: kind, ...latency[kind] }));
    const columns = [
      words(LATENCIES),
      { of: ({ p50 }) => p50, as: "latency" },
      { of: ({ p95 }) => p95, as: "latency" },
    ];
    fill(body, columns, all);
  },
  errors(body, { requests, errors, error_rate: ever, error_rate_5m: recent }) {
    const all = records(errors.by_class);
    const share = (rates, of) => ({ of: ({ name: who }) => (of > 0 ? rates[who] : null), as: "percent" });
    const columns = [
      words(CLASSES),
      share(recent, recent.requests),
      share(ever, requests.total),
      count,
    ];
    fill(body, columns, all);
  },
  errorTypes(body, { errors }) {
    const all = records(errors.by_type).filter(({ count: errors }) => errors > 0);
    all.sort((one, other) => other.count - one.count);
    fill(body, [name, count], all, { share: shareOf(all), empty: "No errors" });
  },
  detectors(body, { scrub }) {
    const names = Object.keys({ ...scrub.matches, ...scrub.restored });
    const all = names.map((detector) => ({ name: detector, count: scrub.matches[detector] ?? 0 }));
    all.sort((one, other) => other.count - one.count);
    const restored = { of: ({ name: detector }) => scrub.restored[detector] ?? 0, as: "count" };
    fill(body, [name, count, restored], all, { share: shareOf(all), empty: "No hits" });
  },
  skips(body, { scrub }) {
    const all = records(scrub.skipped).filter(({ count: bodies }) => bodies > 0);
    fill(body, [name, count], all, { empty: "None skipped" });
  },
  refusals(body, { scrub }) {
    const all = records(scrub.refused).filter(({ count: placeholders }) => placeholders > 0);
    all.sort((one, other) => other.count - one.count);
    fill(body, [name, count], all, { empty: "None refused" });
  },
  cache(body, snapshot) {
    const all = verdicts(snapshot);
    const texts = moneyParts(all.map(({ spent }) => spent), all.reduce((sum, { spent }) => sum + (spent ?? 0), 0));
    all.forEach((record, at) => (record.text = texts[at]));
    const columns = [
      { of: ({ name: verdict }) => verdictName(verdict), as: "text" },
      count,
      { ...MONEY, none: "–" },
      { of: ({ advice }) => advice, as: "text" },
    ];
    fill(body, columns, all, { share: shareOf(all) });
  },
  models(body, { requests, tokens, cost }) {
    const names = Object.keys({ ...requests.by_model, ...tokens.by_model });
    const all = names.map((model) => modelRecord(model, requests, tokens, cost));
    all.sort((one, other) => (other.spent ?? 0) - (one.spent ?? 0) || other.count - one.count);
    const texts = moneyParts(all.map(({ spent }) => spent), cost.total);
    all.forEach((record, at) => (record.text = texts[at]));
    const used = (kind) => ({ of: ({ tokens: types }) => types[kind] ?? 0, as: "count" });
    const columns = [
      { of: ({ name: model }) => modelName(model), as: "text" },
      count,
      used("input"),
      used("cache_read"),
      used("cache_write"),
      used("output"),
      { of: ({ hits }) => hits, as: "percent" },
      MONEY,
    ];
    fill(body, columns, all);
  },
};

/** Fill the tables (by their data-table) from a snapshot. */
export function fillTables(tables, snapshot) {
  for (const table of tables) FILLERS[table.dataset.table](table.tBodies[0], snapshot);
}

/** Return the tone of a status: 2xx and 3xx ok, 4xx a warning, 5xx bad. */
export function statusTone(status) {
  const hundreds = String(status)[0];
  return { 2: "ok", 3: "ok", 4: "warn", 5: "bad" }[hundreds] ?? "idle";
}

function endTone({ name: cause, count: ended }) {
  return ended > 0 ? ENDS[cause]?.[1] ?? "idle" : "idle";
}

function modelRecord(model, requests, tokens, cost) {
  const used = tokens.by_model[model] ?? {};
  const written = (used.cache_write_5m ?? 0) + (used.cache_write_1h ?? 0);
  const prompt = (used.input ?? 0) + (used.cache_read ?? 0) + written;
  return {
    name: model,
    count: requests.by_model[model] ?? 0,
    tokens: { ...used, cache_write: written, output: (used.output ?? 0) + (used.estimated ?? 0) },
    hits: prompt > 0 ? (used.cache_read ?? 0) / prompt : null,
    spent: cost.by_model[model] ?? null,
  };
}
