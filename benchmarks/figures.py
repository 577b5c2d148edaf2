"""The figures of the comparison: names, units, goals, and how a goal is judged. Pure.

Latencies are what a proxy adds to the direct run; goals are ratios to the naive proxy, bounds of
their own, or a bound of what is added to the direct run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Goal(Enum):
    """What a goal compares the proxy's figure with."""

    RATIO = "x naive"
    ADDED = "over direct"
    BOUND = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A row. ``more`` is better, or less; ``added`` rows have the direct figure taken off."""

    key: str
    title: str
    unit: str
    goal: Goal | None = None
    limit: float = 0.0
    more: bool = False
    added: bool = False
    busy: str = ""  # key of the share of its core that the proxy used meanwhile


FIGURES = (
    Figure("json_50k", "JSON 50 KB, added p50", "ms", Goal.RATIO, 0.35, added=True),
    Figure("json_2m", "JSON 2 MB, added p50", "ms", Goal.RATIO, 0.15, added=True),
    Figure("ttft_50k", "first event after 50 KB, added p50", "ms", Goal.RATIO, 0.4, added=True),
    Figure(
        "requests_per_s",
        "requests/s, 16 clients, 50 KB",
        "",
        Goal.RATIO,
        3.0,
        more=True,
        busy="requests_busy",
    ),
    Figure("cpu_ms_per_request", "CPU per 50 KB request", "ms", Goal.RATIO, 0.36),
    Figure("relay_p50", "relay delay p50, 50 x 50 events/s", "ms", Goal.ADDED, 0.15),
    Figure("relay_p99", "relay delay p99, 50 x 50 events/s", "ms"),
    Figure("cpu_us_per_event", "CPU per paced event", "µs", Goal.RATIO, 0.30),
    Figure(
        "unpaced_per_s",
        "unpaced events/s, 50 streams",
        "",
        Goal.RATIO,
        6.0,
        more=True,
        busy="unpaced_busy",
    ),
    Figure("rss_idle_mb", "memory, idle", "MB", Goal.BOUND, 60.0),
    Figure("rss_200_mb", "memory, 200 open streams", "MB", Goal.BOUND, 90.0),
    Figure("ready_s", "start until the first answer", "s", Goal.BOUND, 0.5),
    Figure("idle_cpu_percent", "CPU, idle", "%", Goal.BOUND, 0.1),
)
SATURATED = 0.85  # share of its core, below which not the proxy but the load is the limit

Values = Mapping[str, float]  # by proxy


def ratio(values: Values, peer: str, base: str) -> float | None:
    """Return a proxy's figure as a multiple of another's."""
    if peer not in values or not values.get(base):
        return None
    return values[peer] / values[base]


def met(figure: Figure, values: Values, peer: str, base: str, direct: str) -> bool | None:
    """Return whether a proxy meets the goal; None where there is none, or nothing to compare."""
    if figure.goal is None or peer not in values:
        return None
    measured: float | None = values[peer]
    if figure.goal is Goal.RATIO:
        measured = ratio(values, peer, base)
    elif figure.goal is Goal.ADDED:
        measured = values[peer] - values[direct] if direct in values else None
    if measured is None:
        return None
    return measured >= figure.limit if figure.more else measured <= figure.limit
