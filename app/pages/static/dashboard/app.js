// The dashboard: shows every snapshot of the event stream. Received data becomes text (textContent),
// a number or the width of a bar, never markup.

import { showAge, showAlerts, showStrip } from "./banner.js";
import { fillTables } from "./breakdowns.js";
import { chart } from "./charts.js";
import { figures } from "./figures.js";
import { showFirstSteps, title } from "./instance.js";
import { showKinds, showWindows } from "./limits.js";
import { Link } from "./link.js";
import { hintOverflow } from "./overflow.js";
import { showPriceWarnings } from "./prices.js";
import { fillRecent } from "./recent.js";
import { showScrubber } from "./scrubber.js";
import { showTokenBar } from "./tokenbar.js";

const TICK = 1000; // milliseconds between updates of ages and countdowns

const byId = (id) => document.getElementById(id);
const tables = document.querySelectorAll("[data-table]");
const fillFigures = figures(document);
const charts = [...document.querySelectorAll("[data-chart]")].map((figure) =>
  chart(figure, figure.dataset.chart),
);
const scrubber = { pill: byId("scrub-pill"), state: byId("scrub-state"), details: byId("detectors") };

let latest = null; // the last snapshot
let received = 0; // when it arrived, in milliseconds of performance.now()

function render(snapshot) {
  latest = snapshot;
  received = performance.now();
  fillFigures(snapshot);
  charts.forEach((update) => update(snapshot.history));
  showAlerts(byId("alerts"), byId("alert"), snapshot);
  showFirstSteps(byId("first"), snapshot);
  showScrubber(scrubber, snapshot.scrub);
  showTokenBar(byId("token-bar"), snapshot.tokens.by_type);
  showPriceWarnings(byId("old-prices"), byId("unpriced"), snapshot, snapshot.time);
  fillTables(tables, snapshot);
  fillRecent(byId("recent"), snapshot);
  showKinds(byId("kinds"), snapshot.limits.kinds);
  byId("demo").hidden = !snapshot.instance.simulated;
  document.title = title(snapshot);
  tick();
}

function tick() {
  const state = link.watch();
  if (document.hidden) return; // it would be shown for a moment later on
  showLink(state);
  if (latest === null) return;
  const age = (performance.now() - received) / 1000;
  document.body.classList.toggle("lost", state.lost);
  showStrip(byId("strip"), latest, state.lost);
  showAge(byId("lost"), latest.time, age);
  // By the proxy's clock; the browser's may differ.
  showWindows(byId("windows"), byId("window"), latest.limits.windows, latest.time + age);
}

function showLink({ name, tone, text }) {
  const element = byId("link");
  element.dataset.state = name;
  element.dataset.tone = tone;
  if (element.textContent !== text) element.textContent = text;
}

hintOverflow(document.querySelectorAll(".scroll"));
const link = new Link("metrics", render);
setInterval(tick, TICK);
