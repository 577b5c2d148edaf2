// The requests of an agent: a table, a page at a time, oldest first. Each opens to its details.

import { toneOf, verdictName } from "./cache.js";
import { make, place } from "./element.js";
import { format } from "./format.js";
import { Problem, ask, latest, sessionPath } from "./ledger.js";
import { Pager } from "./pager.js";
import { asked, ended, endedTone } from "./recent.js";
import { requestDetails } from "./request.js";
import { outputTokens, promptTokens } from "./usage.js";

const PAGE = 50;
const NONE = "–";
const HEADINGS = [
  ["Started"],
  ["Status"],
  ["Model"],
  ["In the prompt", "timeline"],
  ["Duration", "number"],
  ["Input", "number"],
  ["Output", "number"],
  ["Cost", "number"],
  ["Cache"],
];

/** Return an element with the requests of an agent in a prompt. */
export function requestTable(session, prompt, agent) {
  const headings = HEADINGS.map(([text, className = ""]) => make("th", { scope: "col", className }, text));
  const body = make("tbody");
  const name = `Requests of ${agent.agent_type ?? (agent.agent === null ? "the main conversation" : "an agent")}`;
  const table = make(
    "table",
    { className: "requests" },
    make("caption", { className: "unseen" }, name),
    make("thead", {}, make("tr", {}, ...headings)),
    body,
  );
  const problem = make("p", { className: "note", hidden: true });
  problem.role = "status";
  const buttons = make("div", { className: "pager" });
  const pager = new Pager(buttons, "← Later requests", "Earlier requests →", () => show());
  const load = latest(async (signal) => {
    const chosen = { prompt: prompt.prompt, agent: agent.agent, limit: PAGE, before: pager.cursor };
    const found = await ask(sessionPath(session, "/requests"), chosen, signal);
    body.replaceChildren(...found.requests.reverse().map((request) => row(request, prompt)));
    pager.shown(found.next);
    return found;
  });
  async function show() {
    try {
      await load();
      problem.hidden = true;
      return true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.textContent = error.message;
      problem.hidden = false;
      return false;
    }
  }
  show();
  const frame = make("div", { className: "scroll", tabIndex: 0 }, table);
  frame.role = "region";
  frame.ariaLabel = name;
  return make("div", {}, frame, problem, buttons);
}

function row(request, prompt) {
  const said = { ...request, reason: request.error?.reason ?? null };
  const span = Math.max(prompt.last - prompt.started, request.duration, 0.001);
  const bar = place(make("span", { className: "span" }), (request.started - prompt.started) / span, request.duration / span);
  const button = make("button", { type: "button" }, format(request.started, "clock"));
  button.ariaExpanded = false;
  const estimated = request.tokens.estimated > 0 ? { mark: "estimated" } : {};
  const element = make(
    "tr",
    {},
    make("th", { scope: "row" }, button),
    make("td", { data: { tone: endedTone(said) } }, ended(said)),
    make("td", {}, asked(request)),
    make("td", { className: "timeline" }, bar),
    make("td", { className: "number" }, format(request.duration, "latency")),
    make("td", { className: "number" }, format(promptTokens(request), "count")),
    make("td", { className: "number", data: estimated }, format(outputTokens(request), "count")),
    make("td", { className: "number", data: estimated }, format(request.cost_usd, "money")),
    verdictCell(request.cache),
  );
  button.onclick = () => toggle(element, button, request);
  return element;
}

function verdictCell(cache) {
  if (cache === null) return make("td", { data: { empty: "" } }, NONE);
  const cost = cache.miss_cost_usd > 0 ? ` ${format(cache.miss_cost_usd, "money")}` : "";
  return make("td", { data: { tone: toneOf(cache.verdict) } }, verdictName(cache.verdict) + cost);
}

function toggle(element, button, request) {
  const open = button.ariaExpanded !== "true";
  button.ariaExpanded = open;
  if (!open) {
    element.nextElementSibling.remove();
    return;
  }
  const cell = make("td", { colSpan: HEADINGS.length }, requestDetails(request));
  element.after(make("tr", { className: "details" }, cell));
}
