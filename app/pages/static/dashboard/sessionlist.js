// The table of sessions, a page at a time, sorted by the proxy.

import { ask, latest } from "./ledger.js";
import { Pager } from "./pager.js";
import { fill } from "./tables.js";
import { allTokens, hitRatio } from "./usage.js";

const PAGE = 50;
const NONE = "–";

const SHARE = { of: ({ window_share: share }) => share, as: "percent", none: NONE };
const COLUMNS = [
  { of: ({ session }) => session, as: "text", link: ({ session }) => `#${encodeURIComponent(session)}` },
  { of: ({ labels }) => project(labels), as: "text", none: NONE },
  { of: ({ started }) => started, as: "moment" },
  { of: ({ last }) => last, as: "moment" },
  { of: ({ requests }) => requests, as: "count" },
  { of: (session) => session.agent_count, as: "count" },
  { of: allTokens, as: "count" },
  { of: hitRatio, as: "percent", none: NONE },
  SHARE,
  { of: (session) => session.cost_usd, as: "money" },
];

/** Return a function that shows the present page; `shown` is called with each attempt. */
export function sessionList(section, shown) {
  const table = section.querySelector("table");
  const body = table.tBodies[0];
  const buttons = [...table.querySelectorAll("[data-sort]")];
  const share = section.querySelector("#share");
  const pager = new Pager(section.querySelector(".pager"), "← Previous", "Next →", () => show());
  let sort = "last";

  const load = latest(async (signal) => {
    const found = await ask("sessions", { limit: PAGE, sort, before: pager.cursor }, signal);
    render(found.sessions);
    pager.shown(found.next);
    return found;
  });

  function render(sessions) {
    const shared = sessions.some(({ window_share: part }) => part !== undefined);
    if (share.hidden === shared) body.replaceChildren(); // with another number of cells
    share.hidden = !shared;
    const highest = Math.max(...sessions.map((session) => session.cost_usd));
    fill(body, shared ? COLUMNS : COLUMNS.filter((column) => column !== SHARE), sessions, {
      share: (session) => (highest > 0 ? session.cost_usd / highest : 0),
      empty: "No sessions yet: no request has named one",
    });
  }

  function sortBy(name) {
    sort = name;
    pager.reset();
    mark();
    show();
  }

  function mark() {
    for (const button of buttons) {
      const heading = button.closest("th");
      if (button.dataset.sort === sort) heading.ariaSort = "descending";
      else heading.removeAttribute("aria-sort");
    }
  }

  // Unasked, only the first page changes: it has what is new.
  function show({ unasked = false } = {}) {
    return unasked && !pager.first ? true : shown(section, load());
  }

  for (const button of buttons) button.onclick = () => sortBy(button.dataset.sort);
  body.addEventListener("click", ({ target }) => {
    if (getSelection().isCollapsed && !target.closest("a")) target.closest("tr").querySelector("a")?.click();
  });
  mark();
  return show;
}

/** Return a session's project: the label `repo`, then the others. */
export function project({ repo, ...others }) {
  const rest = Object.entries(others).map(([name, value]) => `${name} ${value}`);
  return [repo, ...rest].filter((part) => part !== undefined).join(" · ") || null;
}
