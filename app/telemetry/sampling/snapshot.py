"""One collection of the registry as a JSON document (``metrics.schema.json``). Pure.

Every total is a sum over the collected samples, so it equals the same sum over the exposition.
"""

import math
from collections.abc import Mapping
from typing import Any

from ...anthropic.token_types import COUNTED, PROMPT
from ..facts import Facts, Listening, ScrubFacts
from .ring import RATE_WINDOW, WINDOW, Point, Ring, Span, ratio
from .samples import Samples

Json = dict[str, Any]


def instance(facts: Facts, listening: Listening | None) -> Json:
    """Return the proxy's identity, and how clients reach it (null until it listens)."""
    return {
        "host": facts.host,
        "simulated": facts.simulated,
        "port": None if listening is None else listening.port,
        "ca_file": None if listening is None else listening.ca_file,
        "contained": listening is not None and listening.contained,
    }


def figures(samples: Samples, now: Point, ring: Ring, scrub: ScrubFacts) -> Json:
    """Return the sections that come from metrics; ``now`` is the point of ``samples``."""
    recent, current = ring.until(now, WINDOW), ring.until(now, RATE_WINDOW)
    return {
        "requests": _requests(samples),
        **_errors(samples, now, recent),
        "bytes": _whole(samples.by("body_bytes_total", "direction")),
        "tokens": _tokens(samples),
        "cost": _cost(samples, recent),
        "rates": {
            "requests_per_second": current.requests_per_second,
            "output_tokens_per_second": current.output_tokens_per_second,
        },
        "latency": {latency: _latency(recent, latency) for latency in now.latencies},
        "streams": {
            "stalled": int(samples.total("streams_stalled")),
            "clients_stalled": int(samples.total("clients_stalled")),
            "ends": _whole(samples.by("stream_ends_total", "cause")),
        },
        "retries": _whole(samples.by("retries_total", "result")),
        "retry_attempts": _whole(samples.by("retry_attempts_total", "reason")),
        "cache": _cache(samples),
        "scrub": _scrub(samples, scrub),
        "limits": _limits(samples),
        "budgets": [
            {
                "budget": name,
                "limit": state.limit,
                "spent": state.spent,
                "unpriced": state.unpriced,
                "over": {str(threshold): number for threshold, number in state.over.items()},
            }
            for name, state in now.budgets.items()
        ],
        "history": [_moment(span) for span in ring.history()],
    }


def _requests(samples: Samples) -> Json:
    name = "requests_total"
    return {
        "total": int(samples.total(name)),
        "started": int(samples.total("requests_started_total")),
        "active": int(samples.total("requests_in_progress")),
        "by_route": _seen(samples.by(name, "route")),
        "by_model": _seen(samples.by(name, "model")),
        "by_status": _seen(samples.by(name, "status")),
        "by_outcome": _seen(samples.by(name, "outcome")),
    }


def _errors(samples: Samples, now: Point, recent: Span) -> Json:
    overall = {name: ratio(count, now.requests) for name, count in now.errors.items()}
    return {
        "errors": {
            "total": int(samples.total("errors_total")),
            "by_class": _whole(now.errors),
            "by_source": _whole(samples.by("errors_total", "source")),
            "by_type": _whole(samples.by("errors_total", "type")),
        },
        "error_rate": {"total": sum(overall.values()), **overall},
        "error_rate_5m": {
            "requests": int(recent.requests),
            "total": sum(recent.error_rates.values()),
            **recent.error_rates,
        },
    }


def _tokens(samples: Samples) -> Json:
    by_type = dict.fromkeys(COUNTED, 0) | _whole(samples.by("tokens_total", "type"))
    models = _seen(samples.by("tokens_total", "model"))
    prompt = sum(by_type[kind] for kind in PROMPT)
    return {
        "total": sum(by_type.values()),
        "by_type": by_type,
        "thinking": int(samples.total("thinking_tokens_total")),
        "by_model": {
            model: _whole(samples.by("tokens_total", "type", model=model)) for model in models
        },
        "cache_hit_ratio": ratio(by_type["cache_read"], prompt),
        "usage_missing": int(samples.total("usage_missing_total")),
        "missing_by_reason": _whole(samples.by("usage_missing_total", "reason")),
    }


def _cost(samples: Samples, recent: Span) -> Json:
    return {
        "total": samples.total("cost_usd_total"),
        "by_model": {
            model: cost for model, cost in samples.by("cost_usd_total", "model").items() if cost
        },
        "by_type": samples.by("cost_usd_total", "type"),
        "per_hour": recent.cost_per_hour,
        "unpriced_requests": int(samples.total("unpriced_requests_total")),
    }


def _cache(samples: Samples) -> Json:
    return {
        "verdicts": _whole(samples.by("cache_verdicts_total", "reason")),
        "miss_cost": samples.by("cache_miss_cost_usd_total", "reason"),
        "saved": samples.total("cache_saved_usd_total"),
    }


def _latency(recent: Span, latency: str) -> Json:
    return {"p50": recent.quantile(0.5, latency), "p95": recent.quantile(0.95, latency)}


def _scrub(samples: Samples, facts: ScrubFacts) -> Json:
    return {
        "mode": facts.mode,
        "detectors": list(facts.detectors),
        "restore": facts.restore,
        "matches": _whole(samples.by("scrub_matches_total", "detector")),
        "restored": _whole(samples.by("scrub_restored_total", "detector")),
        "refused": _whole(samples.by("scrub_restore_refused_total", "reason")),
        "unresolved": int(samples.total("scrub_unresolved_total")),
        "receipts": _whole(samples.by("scrub_receipts_total", "result")),
        "skipped": _whole(samples.by("scrub_skipped_total", "reason")),
        "bytes": int(samples.total("scrub_bytes_total")),
        "modified_requests": int(samples.total("bytes_modified_requests_total")),
    }


def _limits(samples: Samples) -> Json:
    prefix = "upstream_ratelimit_"
    utilization = samples.by(f"{prefix}utilization_ratio", "window")
    reset = samples.by(f"{prefix}reset_timestamp_seconds", "window")
    windows = dict.fromkeys((*samples.by(f"{prefix}status", "window"), *utilization, *reset))
    limit = samples.by(f"{prefix}limit", "kind")
    remaining = samples.by(f"{prefix}remaining", "kind")
    return {
        "windows": {
            window: {
                "utilization": utilization.get(window),
                "status": _status(samples, window),
                "reset": reset.get(window),
                "forecast": _forecast(samples, window),
                "shares": samples.by(f"{prefix}share", "request_class", window=window),
            }
            for window in windows
        },
        "kinds": {
            kind: {"limit": limit.get(kind), "remaining": remaining.get(kind)}
            for kind in dict.fromkeys((*limit, *remaining))
        },
    }


def _forecast(samples: Samples, window: str) -> Json | None:
    """Return when a window will be full; None without enough data."""
    found = samples.by("upstream_ratelimit_full_timestamp_seconds", "bound", window=window)
    return {bound: at if math.isfinite(at) else None for bound, at in found.items()} or None


def _status(samples: Samples, window: str) -> str | None:
    statuses = samples.by("upstream_ratelimit_status", "status", window=window)
    return next((status for status, value in statuses.items() if value), None)


def _moment(span: Span) -> Json:
    return {
        "time": span.end.time,
        "requests_per_second": span.requests_per_second,
        "output_tokens_per_second": span.output_tokens_per_second,
    }


def _seen(counts: Mapping[str, float]) -> dict[str, int]:
    """Return the counts above 0: some series exist from the start."""
    return {key: count for key, count in _whole(counts).items() if count}


def _whole(counts: Mapping[str, float]) -> dict[str, int]:
    return {key: int(count) for key, count in counts.items()}
