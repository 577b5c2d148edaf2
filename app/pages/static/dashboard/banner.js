// The strip below the header. Its place is reserved, so that nothing moves when it changes. It
// shows one thing at a time: the lost connection, the alerts, how to begin, or that all is well.

import { format } from "./format.js";

const TITLES = {
  error_rate: "High error rate",
  active_requests: "Many requests running",
  scrub_skipped: "Unscanned bodies",
};

/** Show what matters most; `lost` says that the connection to the proxy is gone. */
export function showStrip(strip, { alerts, requests }, lost) {
  const idle = requests.total === 0 && requests.active === 0;
  strip.dataset.shows = lost ? "lost" : alerts.length > 0 ? "alerts" : idle ? "first" : "calm";
}

/** Show how old the figures are; `time` and `age` in seconds. */
export function showAge(element, time, age) {
  element.querySelector(".from").textContent = format(time, "clock");
  element.querySelector(".age").textContent = format(age, "duration");
}

/** Show an alert's box for each of the snapshot's alerts, and none for those that are over. */
export function showAlerts(region, template, { alerts }) {
  const boxes = new Map([...region.children].map((box) => [box.dataset.kind, box]));
  for (const alert of alerts) {
    const box = boxes.get(alert.kind) ?? add(region, template, alert);
    boxes.delete(alert.kind);
    const why = box.querySelector(".why");
    if (why.textContent !== alert.message) why.textContent = alert.message;
  }
  boxes.forEach((box) => box.remove());
}

// The title and the time are written once: a screen reader tells them when they come, and is
// not told again with every snapshot.
function add(region, template, { kind, severity, since }) {
  const box = template.content.firstElementChild.cloneNode(true);
  box.dataset.kind = kind;
  box.dataset.severity = severity;
  box.querySelector(".title").textContent = TITLES[kind] ?? kind;
  box.querySelector(".since").textContent = format(since, "clock");
  region.append(box);
  return box;
}
