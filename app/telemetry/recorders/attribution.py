"""Cost by who asked: the class of requests, the type of agents, the user's labels.

Clients choose these words, so each has a closed set or a cap; further ones count as ``other``.
Sessions, prompts and agents by their ids are in the ledger only.
"""

from collections.abc import Collection

from ..entry import Entry
from ..instruments import Instruments

CLASSES = ("main", "subagent", "compaction", "auxiliary")  # of Claude Code's requests
UNKNOWN = "unknown"  # the class of requests that state none
NO_AGENT = "none"  # the type of agents of requests without one
AGENTS = ("general-purpose", "custom", "teammate", "fork", "Explore", "Plan")
MORE_AGENTS = 6
VALUES = 20  # of each label; further ones count as `other`


class Attribution:
    """Counts cost by class, agent type and label; ``labels`` are the names that count."""

    def __init__(self, instruments: Instruments, labels: Collection[str]) -> None:
        self.request_class = instruments.label_set("request_class", (*CLASSES, UNKNOWN))
        self._agent = instruments.label_set("agent_type", (*AGENTS, NO_AGENT), room=MORE_AGENTS)
        self._values = {
            name: instruments.label_set(f"label_{name}", room=VALUES) for name in sorted(labels)
        }
        self._cost = instruments.counters(
            "attributed_cost_usd_total",
            "Cost in US dollars at list price, by class of requests and type of agents",
            "request_class",
            "agent_type",
            known=[(kind, NO_AGENT) for kind in (*CLASSES, UNKNOWN)],
        )
        self._by_label = instruments.counters(
            "label_cost_usd_total",
            "Cost in US dollars at list price, by the labels of requests",
            "label",
            "value",
        )

    def record(self, entry: Entry) -> None:
        """Add the cost of an exchange."""
        cost = entry.total_cost
        if not cost or not entry.charges:
            return
        hints, labels = entry.exchange.hints, entry.exchange.labels
        kind = self.request_class(hints.request_class or UNKNOWN)
        self._cost(kind, self._agent(hints.agent_type or NO_AGENT)).inc(cost)
        for name, value in self._values.items():
            if name in labels:
                self._by_label(name, value(labels[name])).inc(cost)
