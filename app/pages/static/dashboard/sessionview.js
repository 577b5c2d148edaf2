// One session: its totals, and its prompts as a tree.

import { make } from "./element.js";
import { figures } from "./figures.js";
import { format } from "./format.js";
import { ask, latest, sessionPath } from "./ledger.js";
import { Pager } from "./pager.js";
import { openFirst, promptItem } from "./tree.js";
import { allTokens, hitRatio } from "./usage.js";

const PAGE = 25; // prompts

/** Return a function that shows a session; `shown` is called with each attempt. */
export function sessionView(section, shown) {
  const fillFigures = figures(section);
  const tree = section.querySelector("#tree");
  const title = section.querySelector("#session-title");
  const pager = new Pager(section.querySelector(".pager"), "← Later prompts", "Earlier prompts →", () => show());
  const opened = new Map(); // of this session's prompts and agents, whether they are open
  let id = "";

  const load = latest(async (signal) => {
    const [session, found] = await Promise.all([
      ask(sessionPath(id), {}, signal),
      ask(sessionPath(id, "/prompts"), { limit: PAGE, before: pager.cursor }, signal),
    ]);
    showTotals(session);
    tree.replaceChildren(...found.prompts.map((prompt) => promptItem(id, prompt, opened)));
    open(found.prompts);
    pager.shown(found.next);
    return found;
  });

  function showTotals(session) {
    title.querySelector(".name").textContent = session.session;
    const labels = Object.entries(session.labels);
    section.querySelector("#labels").replaceChildren(...labels.map(([name, value]) => make("li", {}, `${name} ${value}`)));
    fillFigures({
      ...session,
      total: allTokens(session),
      hits: hitRatio(session),
      duration: session.last - session.started,
    });
    const share = session.window_share;
    section.querySelector("#window-share").textContent =
      share == null ? "after the last answer" : `this session's share: ${format(share, "percent")}`;
  }

  // The newest prompt, and in it the main conversation.
  function open(prompts) {
    const at = Math.max(0, prompts.findIndex(({ prompt }) => prompt !== null));
    if (at < tree.children.length) openFirst(tree.children[at]);
  }

  function show() {
    return shown(section, load());
  }

  section.querySelector("#refresh").onclick = show;
  return async (session, { focus = true } = {}) => {
    id = session;
    opened.clear();
    pager.reset();
    await show();
    if (focus) title.focus();
  };
}
