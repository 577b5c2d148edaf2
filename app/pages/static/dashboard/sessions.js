// Sessions: a table of all of them, and one that is opened. Its id is the URL's fragment, so that it
// can be linked. Received data becomes text (textContent), a number or the width of a bar.

import { showIdentity } from "./identity.js";
import { Problem } from "./ledger.js";
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

/** Show a section once `work` has filled it, or why it could not; unless another one is wanted by now. */
async function shown(section, work) {
  try {
    if ((await work) === undefined || section !== wanted) return;
    problem.hidden = true;
    section.hidden = false;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (section !== wanted) return;
    section.hidden = true;
    if (problem.textContent !== error.message) problem.textContent = error.message;
    problem.hidden = false;
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

function route() {
  const id = opened();
  list.hidden = session.hidden = problem.hidden = true;
  wanted = id === "" ? list : session;
  document.title = id === "" ? TITLE : `Session ${id.slice(0, 8)} · ${TITLE}`;
  if (id === "") showList();
  else showSession(id);
}

function tick() {
  if (opened() === "" && !document.hidden) showList({ unasked: true });
}

hintOverflow(document.querySelectorAll("main > .panel > .scroll"));
addEventListener("hashchange", route);
setInterval(tick, TICK);
showIdentity();
route();
