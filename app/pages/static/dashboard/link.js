// The event stream and the state of its connection.

const STALE_AFTER = 5; // seconds without a snapshot; one comes every 1.5 s
// Seconds of silence after which the stream is reopened, by its readyState.
const REOPEN_AFTER = {
  [EventSource.CONNECTING]: 10,
  [EventSource.OPEN]: 10, // the connection has died silently
  [EventSource.CLOSED]: 3, // refused
};
const ASK_EVERY = 10; // seconds between two questions of a page that nobody sees

/**
 * Follow the event stream of the documents at `url`; `onSnapshot` is called with each document.
 *
 * A browser reconnects by itself after a broken connection, but not after a refusal (503) or when
 * the connection died silently: `watch`, called every second, handles both.
 *
 * A page that is hidden asks now and then instead. A browser has six connections to a server, and
 * with six streams in as many tabs no further page would come.
 */
export class Link {
  #url;
  #onSnapshot;
  #source = null; // none while the page is hidden
  #begun = 0; // milliseconds of performance.now(), as is #heard
  #heard = null;

  constructor(url, onSnapshot) {
    this.#url = url;
    this.#onSnapshot = onSnapshot;
    document.addEventListener("visibilitychange", () => this.#begin());
    this.#begin();
  }

  /** Reopen the stream if it is silent; return the state of the connection. */
  watch() {
    const now = performance.now();
    const silent = (now - Math.max(this.#begun, this.#heard ?? 0)) / 1000;
    const patience = this.#source === null ? ASK_EVERY : REOPEN_AFTER[this.#source.readyState];
    if (silent > patience) this.#begin();
    const open = this.#source?.readyState === EventSource.OPEN;
    return linkState(open, this.#heard === null ? null : (now - this.#heard) / 1000);
  }

  #begin() {
    this.#source?.close();
    this.#source = null;
    this.#begun = performance.now();
    if (document.hidden) {
      this.#ask();
      return;
    }
    this.#source = new EventSource(`${this.#url}/stream`);
    this.#source.onmessage = ({ data }) => this.#hear(JSON.parse(data));
  }

  async #ask() {
    try {
      const answer = await fetch(this.#url, { cache: "no-store" });
      const snapshot = answer.ok ? await answer.json() : null;
      if (snapshot !== null && document.hidden) this.#hear(snapshot);
    } catch {
      // It is asked again.
    }
  }

  #hear(snapshot) {
    this.#heard = performance.now();
    this.#onSnapshot(snapshot);
  }
}

/**
 * Return the state's name, tone and text, and whether the figures are out of date; `age` of the last
 * snapshot in seconds, or null. The strip says how old they are: a text that changes each second
 * would move the page, and a screen reader would read it out each time.
 */
export function linkState(open, age) {
  if (age === null) return { name: "connecting", tone: "idle", text: "Connecting…", lost: false };
  const lost = age > STALE_AFTER;
  if (!open) return { name: "reconnecting", tone: "warn", text: "Reconnecting…", lost };
  if (lost) return { name: "stale", tone: "warn", text: "Stale", lost };
  return { name: "live", tone: "ok", text: "Live", lost };
}
