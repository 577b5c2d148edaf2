"""The headers that the API puts on its answers: request id and rate limits."""

from datetime import UTC, datetime

HOUR = 3600
# Classic limits per minute: name, limit.
_CLASSIC = (
    ("requests", 4_000),
    ("tokens", 2_400_000),
    ("input-tokens", 2_000_000),
    ("output-tokens", 400_000),
)
# Windows of a subscription: name, seconds, tokens it allows.
_UNIFIED = (("5h", 5 * HOUR, 5_000_000), ("7d", 7 * 24 * HOUR, 40_000_000))


def headers(request_id: str, calls: int, spent: int, now: float) -> list[tuple[str, str]]:
    """Return them, after so many calls and tokens; ``now`` in seconds since the epoch."""
    return [
        ("request-id", request_id),
        ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
        *_classic(calls, spent, now),
        *_unified(spent, now),
    ]


def _classic(calls: int, spent: int, now: float) -> list[tuple[str, str]]:
    reset = datetime.fromtimestamp(now // 60 * 60 + 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = []
    for name, limit in _CLASSIC:
        prefix = f"anthropic-ratelimit-{name}"
        used = calls if name == "requests" else spent
        fields += [
            (f"{prefix}-limit", str(limit)),
            (f"{prefix}-remaining", str(limit - used % limit)),
            (f"{prefix}-reset", reset),
        ]
    return fields


def _unified(spent: int, now: float) -> list[tuple[str, str]]:
    prefix = "anthropic-ratelimit-unified"
    fields = [(f"{prefix}-status", "allowed"), (f"{prefix}-representative-claim", "five_hour")]
    for name, seconds, limit in _UNIFIED:
        fields += [
            (f"{prefix}-{name}-status", "allowed"),
            (f"{prefix}-{name}-utilization", f"{spent % limit / limit:.4f}"),
            (f"{prefix}-{name}-reset", str(int(now // seconds * seconds + seconds))),
        ]
    return fields
