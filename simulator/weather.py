"""How the simulated API is at a moment of the demo's day: mostly well. Pure.

Of the first ten minutes, and of every ten minutes after, `INCIDENT` is an overload: answers come
late, most 529s recover by the proxy's own retries, one or two do not. Apart from it a request in a
hundred and fifty goes wrong. At no moment have 2 % of the requests failed.
"""

from typing import Any

PERIOD = 600.0  # seconds
INCIDENT = (150.0, 175.0)  # seconds of each period
LATE = 7.0  # seconds that answers come later then
FATAL = 24  # of so many messages then, one fails for good
ROUND = 600  # messages; which of them go wrong repeats
ODD: dict[int, dict[str, Any]] = {
    240: {"fault": "error_event", "after": 20},
    350: {"status": 429, "headers": [["retry-after", "2"]]},
    460: {"fault": "reset", "after": 25},
    570: {"status": 400},
}
LEAVES = 70  # of so many requests, one client leaves before the end
# Windows of the subscription: used at the start, and how much an hour uses.
_WINDOWS = {"5h": (0.31, 0.12, 5 * 3600), "7d": (0.22, 0.01, 7 * 24 * 3600)}


def overloaded(elapsed: float) -> bool:
    """Return True if the API is overloaded at this number of seconds after the start."""
    return INCIDENT[0] <= elapsed % PERIOD < INCIDENT[1]


def trouble(number: int, elapsed: float) -> dict[str, Any]:
    """Return what is unusual about the answer to message ``number``, as members of a step."""
    if not overloaded(elapsed):
        return ODD.get(number % ROUND, {})
    if number % FATAL == 0:
        return {"status": 529, "times": 9}
    return {"status": 529, "times": 2} if number % 3 == 0 else {"delay": LATE}


def limits(elapsed: float, now: float) -> list[tuple[str, str]]:
    """Return the headers of a subscription that is used evenly; ``now`` since the epoch."""
    prefix = "anthropic-ratelimit-unified"
    fields = []
    for name, (used, per_hour, seconds) in _WINDOWS.items():
        share = min(0.85, used + per_hour * elapsed / 3600)
        reset = int(now // seconds * seconds + seconds)
        fields += [
            (f"{prefix}-{name}-utilization", f"{share:.4f}"),
            (f"{prefix}-{name}-reset", str(reset)),
        ]
    return fields
