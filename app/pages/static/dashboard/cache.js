// The prompt cache: verdicts on answers, what misses cost, and what to do about them.

const REACH = 20; // blocks that a cache mark reaches back, its own included

const PARTS = { tool: "a tool", system: "the system prompt" };

const HARMLESS = ["hit", "first", "uncached", "too_small", "unknown"];

// Each verdict: its name, and advice on a request with it, if one is known; `lead` introduces what of
// that request differed.
const VERDICTS = {
  hit: ["Hit", () => "Everything that could be read from the cache was read."],
  first: ["First", () => "Nothing was cached for it yet."],
  uncached: ["No cache mark", () => "These requests do not ask to be cached."],
  too_small: ["Too small", () => "The prompt is shorter than the model caches."],
  model_changed: ["Model changed", () => "Each model has a cache of its own: switch at the start of a session."],
  tools_changed: [
    "Tools changed",
    (one, lead) => `${place(one, "tool", lead)}Connect MCP servers before a session starts, and keep its tools.`,
  ],
  system_changed: [
    "System prompt changed",
    (one, lead) => `${place(one, "block", lead)}Keep dates, counters and paths out of the system prompt.`,
  ],
  messages_changed: [
    "Messages changed",
    (one, lead) => `${place(one, "block", lead)}Look for a hook or client that edits earlier messages.`,
  ],
  params_changed: [
    "Parameters changed",
    (one) => `${one?.kind ? `${one.kind} changed. ` : ""}Choose thinking, effort, tools and speed once per session.`,
  ],
  ttl_expired: ["Expired", () => "The pause was longer than the cache lives: ENABLE_PROMPT_CACHING_1H=1 keeps it for an hour."],
  compaction: ["Compaction", () => "The conversation was summarized: the cache starts again."],
  concurrent: ["Too early", () => "Parallel requests did not wait for the first to be answered: let one agent start alone."],
  lookback: ["Out of reach", lookback],
  upstream: ["Upstream", () => "Nothing that was sent explains it: the API forgot the prompt early."],
  unknown: ["Unknown", () => "The request could not be read, or the account changed."],
};

const ORDER = Object.keys(VERDICTS);

/** Return a record for each verdict that was given, misses that cost most first. */
export function verdicts({ cache, recent }) {
  const given = Object.entries(cache.verdicts).filter(([, count]) => count > 0);
  const all = given.map(([name, count]) => ({ name, count, spent: cache.miss_cost[name] ?? null, advice: latestAdvice(name, recent) }));
  all.sort((one, other) => ORDER.indexOf(one.name) - ORDER.indexOf(other.name));
  return all.sort((one, other) => (other.spent ?? 0) - (one.spent ?? 0) || other.count - one.count);
}

/** Return advice on a request with a verdict. */
export function advice(found, lead = "First difference: ") {
  return Object.hasOwn(VERDICTS, found.verdict) ? VERDICTS[found.verdict][1](found, lead) : "";
}

/** Return a verdict's name in words. */
export function verdictName(verdict) {
  return Object.hasOwn(VERDICTS, verdict) ? VERDICTS[verdict][0] : verdict;
}

/** Return a verdict's tone: ok for a hit, a warning for a miss. */
export function toneOf(verdict) {
  if (verdict === "hit") return "ok";
  return HARMLESS.includes(verdict) ? "idle" : "warn";
}

function latestAdvice(verdict, recent) {
  const last = recent.map(({ cache }) => cache).find((cache) => cache?.verdict === verdict);
  return advice({ ...last, verdict }, "Last: ");
}

function place(one, word, lead) {
  if (one?.block == null) return "";
  const kind = Object.hasOwn(PARTS, one.kind) ? PARTS[one.kind] : `a block of role ${one.kind}`;
  const part = one.tool == null ? kind : `the tool ${one.tool}`;
  return `${lead}${part}, ${word} ${one.block + 1} of the prompt. `;
}

function lookback(one) {
  const cut = "Ask for fewer tool calls at once.";
  if (one?.distance == null) return `More than ${REACH} blocks since the last cache mark. ${cut}`;
  return `About ${Math.floor(one.distance / 2)} parallel tool calls pushed the cache mark out of reach. ${cut}`;
}
