// The prompt cache: verdicts on answers, what misses cost, and what to do about them.

const REACH = 20; // blocks that a cache mark reaches back, its own included

const PARTS = { tool: "a tool", system: "the system prompt" };

// Each verdict: its name, and advice; `last` is the latest request with it among those shown.
export const VERDICTS = {
  hit: ["Hit", () => "All there was to read was read."],
  first: ["First", () => "There was nothing to read yet."],
  uncached: ["No cache mark", () => "These requests do not ask to be cached."],
  too_small: ["Too small", () => "The prompt is shorter than the model caches."],
  model_changed: ["Model changed", () => "Each model has a cache of its own: switch at the start of a session."],
  tools_changed: [
    "Tools changed",
    (last) => `${place(last, "tool")}Connect MCP servers before a session starts, and keep its tools.`,
  ],
  system_changed: [
    "System prompt changed",
    (last) => `${place(last, "block")}Keep dates, counters and paths out of the system prompt.`,
  ],
  messages_changed: [
    "Messages changed",
    (last) => `${place(last, "block")}Look for a hook or client that edits earlier messages.`,
  ],
  params_changed: [
    "Parameters changed",
    (last) => `${last?.kind ? `${last.kind} changed. ` : ""}Choose thinking, effort, tools and speed once per session.`,
  ],
  ttl_expired: ["Expired", () => "The pause was longer than the cache lives: ENABLE_PROMPT_CACHING_1H=1 keeps it for an hour."],
  compaction: ["Compaction", () => "The conversation was summarized: the cache starts again."],
  concurrent: ["Too early", () => "Parallel requests did not wait for the first to be answered: let one agent start alone."],
  lookback: ["Out of reach", lookback],
  upstream: ["Upstream", () => "Nothing that was sent explains it: the API forgot the prompt early."],
  unknown: ["Unknown", () => "The request could not be read, or the account changed."],
};

/** Return a record for each verdict that was given, misses that cost most first. */
export function verdicts({ cache, recent }) {
  const given = Object.entries(cache.verdicts).filter(([, count]) => count > 0);
  const all = given.map(([name, count]) => ({ name, count, spent: cache.miss_cost[name] ?? null, advice: advice(name, recent) }));
  return all.sort((one, other) => (other.spent ?? 0) - (one.spent ?? 0) || other.count - one.count);
}

function advice(name, recent) {
  const last = recent.map(({ cache }) => cache).find((cache) => cache?.verdict === name);
  return VERDICTS[name]?.[1](last) ?? "";
}

function place(last, word) {
  if (last?.block == null) return "";
  const part = PARTS[last.kind] ?? `a block of role ${last.kind}`;
  return `Last: ${part}, ${word} ${last.block + 1} of the prompt. `;
}

function lookback(last) {
  const cut = "Ask for fewer tool calls at once.";
  if (last?.distance == null) return `More than ${REACH} blocks since the last cache mark. ${cut}`;
  return `About ${Math.floor(last.distance / 2)} parallel tool calls pushed the cache mark out of reach. ${cut}`;
}
