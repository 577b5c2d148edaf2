// The event stream and the state of its connection.

const STALE_AFTER = 5; // seconds without a snapshot; one comes every 1.5 s
// Seconds of silence after which the stream is reopened, by its readyState.
const REOPEN_AFTER = {
  [EventSource.CONNECTING]: 10,
  [EventSource.OPEN]: 10, // the connection has died silently
  [EventSource.CLOSED]: 3, // refused
};

/**
 * Follow the event stream at `url`; `onSnapshot` is called with each document.
 *
 * A browser reconnects by itself after a broken connection, but not after a refusal (503) or when
 * the connection died silently: `watch`, called every second, handles both.
 */
export class Link {
  #url;
  #onSnapshot;
  #source = null;
  #begun = 0; // milliseconds of performance.now(), as is #heard
  #heard = null;

  constructor(url, onSnapshot) {
    this.#url = url;
    this.#onSnapshot = onSnapshot;
    this.#begin();
  }

  /** Reopen the stream if it is silent; return the state of the connection. */
  watch() {
    const now = performance.now();
    const silent = (now - Math.max(this.#begun, this.#heard ?? 0)) / 1000;
    if (silent > REOPEN_AFTER[this.#source.readyState]) this.#begin();
    const open = this.#source.readyState === EventSource.OPEN;
    return linkState(open, this.#heard === null ? null : (now - this.#heard) / 1000);
  }

  #begin() {
    this.#source?.close();
    this.#begun = performance.now();
    this.#source = new EventSource(this.#url);
    this.#source.onmessage = ({ data }) => {
      this.#heard = performance.now();
      this.#onSnapshot(JSON.parse(data));
    };
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
