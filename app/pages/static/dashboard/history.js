// History: cost and tokens of the last 90 days, by day and model, as charts and as a table.

import { dayChart, seriesOf } from "./bars.js";
import { modelName } from "./format.js";
import { figures } from "./figures.js";
import { showIdentity } from "./identity.js";
import { Problem, ask, latest, patiently } from "./ledger.js";
import { hintOverflow } from "./overflow.js";
import { fill } from "./tables.js";
import { allTokens, hitRatio, outputTokens, promptTokens, writtenTokens } from "./usage.js";

const DAYS = 90;
const TICK = 60_000; // milliseconds between updates
const SPANS = { today: 1, week: 7, month: 30, all: DAYS };
const NONE = "–";
const ALL_MODELS = "all models";

const byId = (id) => document.getElementById(id);
const table = byId("days");
const fillFigures = figures(document);
const [showCost, showTokens] = [
  dayChart(byId("cost-chart"), (record) => record.cost_usd, "money"),
  dayChart(byId("token-chart"), allTokens, "count"),
];

const tokens = (kind) => ({ of: (record) => record.tokens[kind], as: "count" });
const COLUMNS = [
  { of: ({ day }) => day, as: "text", none: "" },
  { of: ({ model }) => modelName(model), as: "text" },
  { of: ({ requests }) => requests, as: "count" },
  { of: ({ failed }) => failed, as: "count" },
  tokens("input"),
  tokens("cache_read"),
  { of: writtenTokens, as: "count" },
  { of: outputTokens, as: "count" },
  { of: hitRatio, as: "percent", none: NONE },
  { of: (record) => record.cost_usd, as: "money" },
];

const load = latest(async (signal) => {
  const { days, today } = await ask("days", { limit: DAYS }, signal);
  const shown = calendar(days, today);
  fillFigures(totals(shown));
  const series = seriesOf(shown, (record) => record.cost_usd);
  showCost(shown, series);
  showTokens(shown, series);
  const rows = days.flatMap(rowsOf);
  fill(table.tBodies[0], COLUMNS, rows, { empty: "No requests yet" });
  rows.forEach(({ whole }, n) => table.tBodies[0].rows[n].classList.toggle("whole", whole));
  return days;
});

// The last 90 days, oldest first, also those without requests. The proxy says which day is today: its
// time zone may be another one.
function calendar(days, today) {
  const known = new Map(days.map((day) => [day.day, day]));
  const end = days.length > 0 && days[0].day > today ? days[0].day : today;
  return Array.from({ length: DAYS }, (_, n) => {
    const name = shifted(end, n - DAYS + 1);
    return known.get(name) ?? { day: name, models: [], requests: 0, failed: 0, cost_usd: 0, tokens: null };
  });
}

function shifted(day, by) {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + by);
  return date.toISOString().slice(0, 10);
}

function totals(days) {
  const sums = Object.entries(SPANS).map(([name, count]) => [name, summed(days.slice(-count))]);
  return Object.fromEntries(sums);
}

function summed(days) {
  const used = days.filter(({ tokens: known }) => known !== null);
  const sum = (of) => used.reduce((total, day) => total + of(day), 0);
  const prompt = sum(promptTokens);
  const read = sum((day) => day.tokens.cache_read);
  return {
    cost: sum((day) => day.cost_usd),
    tokens: sum(allTokens),
    requests: sum(({ requests }) => requests),
    failed: sum(({ failed }) => failed),
    cache_read: read,
    hits: prompt > 0 ? read / prompt : null,
  };
}

function rowsOf(day) {
  const models = day.models.map((model) => ({ ...model, day: null, whole: false }));
  return [{ ...day, model: ALL_MODELS, whole: true }, ...models];
}

async function show() {
  const [problem, content] = ["problem", "history"].map(byId);
  try {
    const filled = content.hidden ? patiently(load(), problem) : load();
    if ((await filled) === undefined) return;
    problem.hidden = true;
    content.hidden = false;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (problem.textContent !== error.message) problem.textContent = error.message;
    problem.hidden = false;
  }
}

hintOverflow(document.querySelectorAll(".scroll"));
setInterval(() => document.hidden || show(), TICK);
showIdentity();
show();
