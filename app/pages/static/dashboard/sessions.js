// Sessions: a table of all of them, and one that is opened. Its id is the URL's fragment, so that it
// can be linked. Received data becomes text (textContent), a number or the width of a bar.

import { showIdentity } from "./identity.js";
import { Problem, patiently } from "./ledger.js";
import { hintOverflow } from "./overflow.js";
import { sessionList } from "./sessionlist.js";
import { sessionView } from "./sessionview.js";

const TICK = 10_000; // milliseconds between updates of the list's first page
const TITLE = document.title;

const byId = (id) => document.getElementById(id);
const [list, session, problem] = ["list", "session", "problem"].map(byId);
const showList = sessionList(list, shown);
const showSession = sessionView(session, shown);

let wanted = list; // the section that the URL asks for

/**
 * Show a section once `work` has filled it, or why it could not; unless another one is wanted by now.
 * What it shows already stays. Returns false if there was a problem.
 */
async function shown(section, work) {
  try {
    const filled = section.hidden ? patiently(work, problem, () => section === wanted) : work;
    if ((await filled) === undefined || section !== wanted) return true;
    problem.hidden = true;
    section.hidden = false;
    return true;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (section !== wanted) return false;
    if (problem.textContent !== error.message) problem.textContent = error.message;
    problem.hidden = false;
    return false;
  }
}

const opened = () => decoded(location.hash.slice(1));

function decoded(fragment) {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment; // a stray percent sign
  }
}

// The list stays as it was, so that a way back leads to the same place. A page that is loaded keeps
// the focus where the browser puts it.
function route({ loaded = false } = {}) {
  const id = opened();
  list.hidden = id !== "" || list.querySelector("tbody").rows.length === 0;
  session.hidden = problem.hidden = true;
  wanted = id === "" ? list : session;
  document.title = id === "" ? TITLE : `Session ${id.slice(0, 8)} · ${TITLE}`;
  if (id === "") showList();
  else showSession(id, { focus: !loaded });
}

function tick() {
  if (opened() === "" && !document.hidden) showList({ unasked: true });
}

hintOverflow(document.querySelectorAll("main > .panel > .scroll"));
addEventListener("hashchange", () => route());
setInterval(tick, TICK);
showIdentity();
route({ loaded: true });
