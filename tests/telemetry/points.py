"""Points of a ring, their totals named where they matter."""

import math
from typing import Any

from app.anthropic.errors import ERROR_CLASSES
from app.telemetry.sampling.ring import LATENCIES, Point


def point(at: float, requests: float = 0, **totals: Any) -> Point:
    """Return a point at ``at`` seconds of the monotonic clock."""
    errors = dict.fromkeys(ERROR_CLASSES, 0) | totals.pop("errors", {})
    latencies = {latency: {math.inf: 0.0} for latency in LATENCIES} | totals.pop("latencies", {})
    defaults = {"output_tokens": 0.0, "cost": 0.0} | totals
    return Point(
        at=at, time=at + 1e9, requests=requests, errors=errors, latencies=latencies, **defaults
    )
