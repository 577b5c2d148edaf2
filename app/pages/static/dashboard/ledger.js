// The ledger's JSON, and what a page says when there is none.

import { persistently } from "./persistently.js";

const LEDGER = "../ledger/";

// By the `reason` of the answer, then by its status.
const WORDS = {
  off: "No ledger is kept: ANTHROPIC_PROXY_LEDGER is false. Set it to true; requests are kept from then on.",
  empty: "No requests in the ledger yet. They appear here within a second of their end.",
  no_session: "The ledger has no requests of this session: they have not ended yet, or are too old and were deleted.",
  unreadable: "The ledger cannot be read now. The proxy's log says why. Try again later.",
  busy: "Too many queries of the ledger at once. Try again in a moment.",
  401: "The proxy requires ANTHROPIC_PROXY_PAGES_TOKEN. Reload this page, and enter it as the password.",
  403: "The proxy does not serve its pages under this name. Open the page by IP address or localhost.",
  503: "The proxy is busy. Try again in a moment.",
};
const SLOW_AFTER = 500; // milliseconds
const SLOW = "Waiting for the ledger…";
const SILENT = "The proxy does not answer. Try again once it runs.";

/** Why there are no figures, in words for people. */
export class Problem extends Error {}

/**
 * Return the document at `path`. Of `parameters`, null is sent as an empty one, undefined is not.
 *
 * Throws `Problem`; an aborted request throws what `fetch` does.
 */
export async function ask(path, parameters = {}, signal = undefined) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]) => [name, value ?? ""]));
  try {
    return await persistently(() => fetched(`${LEDGER}${path}?${query}`, signal));
  } catch (error) {
    if (error instanceof Problem || signal?.aborted) throw error;
    throw new Problem(SILENT);
  }
}

async function fetched(url, signal) {
  const response = await fetch(url, { signal });
  if (response.ok) return await response.json();
  throw new Problem(await words(response));
}

/**
 * Wait for `work`; if it is slow, and `wanted()` is still true, say so in `element`. The caller hides
 * the element again.
 */
export async function patiently(work, element, wanted = () => true) {
  const timer = setTimeout(() => {
    if (!wanted()) return;
    element.textContent = SLOW;
    element.hidden = false;
  }, SLOW_AFTER);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

/** Return a function that does `work(signal, …)` and ends what it still does of the last call. */
export function latest(work) {
  let running = null;
  return async (...given) => {
    running?.abort();
    const { signal } = (running = new AbortController());
    try {
      return await work(signal, ...given);
    } catch (error) {
      if (!signal.aborted) throw error;
      return undefined;
    }
  };
}

/** Return the path of a session, or of what is below it. */
export function sessionPath(session, below = "") {
  return `sessions/${encodeURIComponent(session)}${below}`;
}

function notJson(error) {
  if (error instanceof SyntaxError) return {};
  throw error;
}

async function words(response) {
  const { reason } = await response.json().catch(notJson);
  const known = [reason, response.status].find((key) => Object.hasOwn(WORDS, key));
  return WORDS[known] ?? `The proxy answers with status ${response.status}.`;
}
