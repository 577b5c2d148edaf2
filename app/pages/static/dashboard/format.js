// Formats for figures. Each takes a number as in the JSON (seconds, bytes, US dollars, fractions) or
// a text.

/** The text for a missing figure. */
export const NO_DATA = "no data";

const MODEL_NAMES = { none: "no model", other: "other models" };

/** Return a model's name in words; `name` is the label of the metrics. */
export function modelName(name) {
  return Object.hasOwn(MODEL_NAMES, name) ? MODEL_NAMES[name] : name;
}

const LOCALE = "en";
const grouped = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(LOCALE, {
  notation: "compact",
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});
const clock = new Intl.DateTimeFormat(LOCALE, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const minute = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(LOCALE, {
  weekday: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

const moment = new Intl.DateTimeFormat(LOCALE, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

const COMPACT_FROM = 1e6;
const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB"];
const DURATION_UNITS = [
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];

const decimals = (value, digits) =>
  value.toLocaleString(LOCALE, { minimumFractionDigits: digits, maximumFractionDigits: digits });

// Three significant digits: 1.23, 12.3, 123.
const three = (value) => decimals(value, value < 10 ? 2 : value < 100 ? 1 : 0);

function count(value) {
  return value < COMPACT_FROM ? grouped.format(value) : compact.format(value);
}

function rate(value) {
  return value === 0 ? "0" : value < COMPACT_FROM ? three(value) : compact.format(value);
}

function bytes(value) {
  let unit = 0;
  while (value >= 1000 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : three(value)} ${BYTE_UNITS[unit]}`;
}

function percent(value) {
  const hundredfold = value * 100;
  return `${decimals(hundredfold, hundredfold === 0 || hundredfold >= 99.95 ? 0 : 1)}%`;
}

function money(value) {
  return inUnits(toUnits(value, moneyDigits(value)), value, moneyDigits(value));
}

/**
 * Return amounts as texts whose sum is `total` as `money` shows it; null stays null.
 *
 * Each amount is rounded down, and the units that are left go to the largest remainders.
 */
export function moneyParts(amounts, total) {
  const digits = moneyDigits(total);
  const exact = amounts.map((amount) => (amount ?? 0) * 10 ** digits);
  const units = exact.map(Math.floor);
  const left = toUnits(total, digits) - units.reduce((sum, unit) => sum + unit, 0);
  const byRemainder = [...units.keys()].sort((a, b) => exact[b] - units[b] - (exact[a] - units[a]));
  for (const at of byRemainder.slice(0, Math.max(0, left))) units[at] += 1;
  return amounts.map((amount, at) => (amount === null ? null : inUnits(units[at], amount, digits)));
}

const moneyDigits = (value) => (value > 0 && value < 0.1 ? 4 : value < 1000 ? 2 : 0);

// A half is rounded up also where the binary number is a little below it: 1.005 is 1.01.
const toUnits = (value, digits) => Math.round(value * 10 ** digits * (1 + Number.EPSILON));

function inUnits(units, value, digits) {
  const unit = 1 / 10 ** digits;
  if (units === 0 && value > 0) return `<$${decimals(unit, digits)}`;
  return `$${decimals(units * unit, digits)}`;
}

function latency(value) {
  if (value >= 60) return duration(value);
  return value < 1 ? `${three(value * 1000)} ms` : `${three(value)} s`;
}

// The two largest units: "3 d 4 h", "12 min 5 s".
function duration(value) {
  let left = Math.max(0, Math.floor(value));
  const parts = [];
  for (const [seconds, unit] of DURATION_UNITS) {
    const whole = Math.floor(left / seconds);
    if (whole > 0 || parts.length > 0) parts.push([whole, unit]);
    left -= whole * seconds;
  }
  const shown = parts.slice(0, 2).filter(([whole]) => whole > 0);
  return shown.map(([whole, unit]) => `${whole} ${unit}`).join(" ") || "0 s";
}

export const FORMATS = {
  bytes,
  clock: (value) => clock.format(value * 1000),
  count,
  day: (value) => day.format(value * 1000),
  duration,
  latency,
  minute: (value) => minute.format(value * 1000),
  moment: (value) => moment.format(value * 1000),
  money,
  percent,
  rate,
  text: String,
};

/** Return `value` in one of `FORMATS`. */
export function format(value, name) {
  return FORMATS[name](value);
}
