// The strip below the header. Its space is reserved, so that nothing moves when it changes. It
// shows one of: the lost connection, the alerts, the first steps, or that there is no alert.

import { format } from "./format.js";

// What to do about each: a section of this page has its title.
const RUNBOOKS = "https://anthropic-proxy.github.io/anthropic-proxy/dashboard/";
const TITLES = {
  error_rate: "High error rate",
  active_requests: "Many active requests",
  scrub_skipped: "Unscanned request bodies",
  budget: "Budget used",
};

/** Show the most important message; `lost`: the connection to the proxy is lost. */
export function showStrip(strip, { alerts, requests }, lost) {
  const idle = requests.total === 0 && requests.active === 0;
  strip.dataset.shows = lost ? "lost" : alerts.length > 0 ? "alerts" : idle ? "first" : "calm";
}

/** Show the age of the figures; `time` and `age` in seconds. */
export function showAge(element, time, age) {
  element.querySelector(".from").textContent = format(time, "clock");
  element.querySelector(".age").textContent = format(age, "duration");
}

/** Show a box for each alert of the snapshot; remove the others. */
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

// The title and the time are written once, so that a screen reader announces them only once and not
// with every snapshot.
function add(region, template, { kind, severity, since }) {
  const box = template.content.firstElementChild.cloneNode(true);
  box.dataset.kind = kind;
  box.dataset.severity = severity;
  const title = box.querySelector(".title");
  title.textContent = TITLES[kind] ?? kind;
  title.href = `${RUNBOOKS}#${title.textContent.toLowerCase().replaceAll(" ", "-")}`;
  box.querySelector(".since").textContent = format(since, "clock");
  region.append(box);
  return box;
}
