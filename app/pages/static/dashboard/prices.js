// How old the price list is, and what has no price.

const OLD = 90; // days
const DAY = 86_400; // seconds

/** Show the warnings that there is reason for; `now` in seconds since the epoch. */
export function showPriceWarnings(old, unpriced, { prices_as_of: asOf, cost }, now) {
  const days = ageInDays(asOf, now);
  old.hidden = !(days > OLD);
  old.querySelector(".days").textContent = days;
  unpriced.hidden = cost.unpriced_requests === 0;
}

/** Return how many days ago the date, or the end of the month, was; NaN for neither. */
export function ageInDays(asOf, now) {
  const [, year, month, day] = /^(\d{4})-(\d{2})(?:-(\d{2}))?$/.exec(asOf) ?? [];
  const end = day === undefined ? Date.UTC(year, month, 0) : Date.UTC(year, month - 1, day);
  return Math.floor((now - end / 1000) / DAY);
}
