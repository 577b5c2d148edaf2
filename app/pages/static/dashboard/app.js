// The dashboard: every snapshot of the event stream, shown. What comes over the wire becomes
// text (textContent), a number or a bar's width, never markup.

import { showAlerts } from "./banner.js";
import { fillTables } from "./breakdowns.js";
import { chart } from "./charts.js";
import { figures } from "./figures.js";
import { showKinds, showWindows } from "./limits.js";
import { Link } from "./link.js";
import { fillRecent } from "./recent.js";
import { showTokenBar } from "./tokenbar.js";

const TICK = 1000; // milliseconds: how often ages and countdowns move
const TITLE = document.title;

const byId = (id) => document.getElementById(id);
const tables = document.querySelectorAll("[data-table]");
const fillFigures = figures(document);
const charts = [...document.querySelectorAll("[data-chart]")].map((figure) =>
  chart(figure, figure.dataset.chart),
);

let latest = null; // the last snapshot
let received = 0; // when it came, in milliseconds of performance.now()

function render(snapshot) {
  latest = snapshot;
  received = performance.now();
  fillFigures(snapshot);
  charts.forEach((update) => update(snapshot.history));
  showAlerts(byId("alerts"), byId("alert"), snapshot);
  showTokenBar(byId("token-bar"), snapshot.tokens.by_type);
  fillTables(tables, snapshot);
  fillRecent(byId("recent"), snapshot);
  showKinds(byId("kinds"), snapshot.limits.kinds);
  byId("unpriced").hidden = snapshot.cost.unpriced_requests === 0;
  document.title = snapshot.alerts.length > 0 ? `▲ ${snapshot.alerts.length} · ${TITLE}` : TITLE;
  tick();
}

function tick() {
  showLink(link.watch());
  if (latest !== null) {
    // The proxy's clock, wherever the browser's stands.
    const now = latest.time + (performance.now() - received) / 1000;
    showWindows(byId("windows"), byId("window"), latest.limits.windows, now);
  }
}

function showLink({ name, tone, text }) {
  const element = byId("link");
  element.dataset.state = name;
  element.dataset.tone = tone;
  if (element.textContent !== text) element.textContent = text;
}

const link = new Link("metrics/stream", render);
setInterval(tick, TICK);
