// The tree of a session: prompts, their agents (nested as they began each other), and requests.
// What is closed is not in the document.

import { make, place } from "./element.js";
import { format } from "./format.js";
import { requestTable } from "./requests.js";
import { allTokens, hitRatio } from "./usage.js";

const OUTSIDE = "Outside any prompt";
const MAIN = "Main conversation";
const DEEPEST = 6; // levels of agents that are shown as such

/**
 * Return a list item for a prompt; the main conversation opens with it. `opened` is a map that keeps what
 * was opened and closed, for the next list of the same prompts.
 */
export function promptItem(session, prompt, opened) {
  const { number, prompt: id, agents } = prompt;
  const name = id === null ? OUTSIDE : `Prompt ${number}`;
  const note = id === null ? "titles, compactions, suggestions" : when(prompt);
  const hidden = prompt.agent_count - agents.filter(({ agent }) => agent !== null).length;
  const rest = hidden > 0 ? [make("p", { className: "note" }, `${hidden} further agents are not listed.`)] : [];
  const content = () => {
    const items = nested(agents).map((node) => agentItem(session, prompt, node, opened));
    if (items.length > 0) openFirst(items[0]);
    return [make("ol", {}, ...items), ...rest];
  };
  return item(name, note, prompt, 1, content, id, { opened, key: keyOf(id) });
}

/** Open an item, unless it was closed. */
export function openFirst({ firstElementChild: details }) {
  if (details.dataset.known === undefined) details.open = true;
}

const keyOf = (...ids) => JSON.stringify(ids);

/**
 * Return agents as trees, `{ agent, children }`, in their order. One whose parent is not among them, or
 * that is its own ancestor, is a root.
 */
export function nested(agents) {
  const nodes = new Map(agents.map((agent) => [agent.agent, { agent, children: [] }]));
  const roots = [];
  for (const node of nodes.values()) {
    const { parent_agent: parent, agent } = node.agent;
    const above = parent === null ? undefined : nodes.get(parent);
    if (agent === null || above === undefined || isAbove(node, above, nodes)) roots.push(node);
    else above.children.push(node);
  }
  return roots;
}

// Return true if `node` is `other`, or one of its ancestors.
function isAbove(node, other, nodes) {
  const seen = new Set();
  while (other !== undefined && !seen.has(other)) {
    if (other === node) return true;
    seen.add(other);
    const parent = other.agent.parent_agent;
    other = parent === null ? undefined : nodes.get(parent);
  }
  return false;
}

function agentItem(session, prompt, { agent, children }, opened, depth = 1) {
  const { agent: id, agent_type: kind } = agent;
  const name = id === null ? MAIN : (kind ?? "Agent");
  const within = children.map((child) => agentItem(session, prompt, child, opened, depth + 1));
  const share = prompt.cost_usd > 0 ? agent.cost_usd / prompt.cost_usd : 0;
  const content = () => {
    const list = within.length > 0 ? [make("ol", { className: depth < DEEPEST ? "" : "flat" }, ...within)] : [];
    return [requestTable(session, prompt, agent), ...list];
  };
  return item(name, when(agent), agent, share, content, id, { opened, key: keyOf(prompt.prompt, id) });
}

function item(name, note, record, share, content, id, { opened, key }) {
  const summary = make(
    "summary",
    {},
    make("span", { className: "name" }, name, " ", make("small", {}, note)),
    ...facts(record),
  );
  if (id !== null) summary.title = id;
  place(summary, 0, share);
  const body = make("div", { className: "within" });
  const details = make("details", {}, summary, body);
  details.ontoggle = () => {
    opened.set(key, details.open);
    body.replaceChildren(...(details.open ? content() : []));
  };
  if (opened.has(key)) {
    details.dataset.known = "";
    details.open = opened.get(key);
  }
  return make("li", {}, details);
}

// Figures in words of their own, so that they need no heading.
function facts(record) {
  const hits = hitRatio(record);
  const { requests, failed, agent_count: agents } = record;
  return [
    ["agents", agents > 0 ? counted(agents, "agent") : ""],
    ["requests", counted(requests, "request")],
    ["failed", failed > 0 ? `${format(failed, "count")} failed` : ""],
    ["tokens", `${format(allTokens(record), "count")} tokens`],
    ["hits", hits === null ? "" : `${format(hits, "percent")} cached`],
    ["cost", format(record.cost_usd, "money")],
  ].map(([className, text]) => make("span", { className }, text));
}

const counted = (count, word) => `${format(count, "count")} ${word}${count === 1 ? "" : "s"}`;

const when = ({ started, last }) => `${format(started, "moment")}, ${format(last - started, "duration")}`;
