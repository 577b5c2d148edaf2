// The alert banner: what is out of bounds, why, since when and by whose doing.

import { show } from "./figures.js";
import { format } from "./format.js";

const TITLES = { error_rate: "High error rate", active_requests: "Many requests running" };

/** Show an alert's box for each of the snapshot's alerts, and none for those that are over. */
export function showAlerts(region, template, snapshot) {
  const boxes = new Map([...region.children].map((box) => [box.dataset.kind, box]));
  for (const alert of snapshot.alerts) {
    const box = boxes.get(alert.kind) ?? add(region, template, alert);
    boxes.delete(alert.kind);
    box.querySelector(".why").textContent = alert.message;
    box.querySelector(".for").textContent = format(snapshot.time - alert.since, "duration");
    box.querySelectorAll("[data-source]").forEach((element) => {
      show(element, snapshot.error_rate_5m[element.dataset.source], "percent");
    });
  }
  boxes.forEach((box) => box.remove());
}

// The title and the time are written once: a screen reader tells them when they come, and is
// not told again with every snapshot.
function add(region, template, { kind, since }) {
  const box = template.content.firstElementChild.cloneNode(true);
  box.dataset.kind = kind;
  box.querySelector(".title").textContent = TITLES[kind] ?? kind;
  box.querySelector(".since").textContent = format(since, "clock");
  box.querySelector(".sources").hidden = kind !== "error_rate";
  region.append(box);
  return box;
}
