// Warnings about an old price list and about models without a price.

const OLD = 90; // days
const DAY = 86_400; // seconds

/** Show the warnings that apply; `now` in seconds since the epoch. */
export function showPriceWarnings(old, unpriced, { prices_as_of: asOf, cost }, now) {
  const days = ageInDays(asOf, now);
  old.hidden = !(days > OLD);
  old.querySelector(".days").textContent = days;
  unpriced.hidden = cost.unpriced_requests === 0;
}

/** Return the age in days of a date, or of the end of a month; NaN for anything else. */
export function ageInDays(asOf, now) {
  const [, year, month, day] = /^(\d{4})-(\d{2})(?:-(\d{2}))?$/.exec(asOf) ?? [];
  const end = day === undefined ? Date.UTC(year, month, 0) : Date.UTC(year, month - 1, day);
  return Math.floor((now - end / 1000) / DAY);
}
