"""What upstream's answer to a request without a key says. Pure."""

import json
from email.utils import parsedate_to_datetime

from .finding import Finding, Verdict

SHOWN = 80  # characters of an answer that are shown
NOT_FOUND = 404
SERVER_ERROR = 500
TWICE = "/v1/v1/"  # a base URL with the version that clients put into their paths
ADDED = "Clients add /v1 themselves: leave it out of ANTHROPIC_PROXY_UPSTREAM_BASE_URL."
SKEW_WARN, SKEW_FAIL = 30.0, 300.0  # seconds: TLS and signatures bear less and less


def judge(status: int, body: bytes, path: str) -> Finding:
    """Judge an answer: 401 or 404 in Anthropic's shape is what the API gives without a key."""
    found = f"GET {path} without a key: {status}"
    error = _error_type(body)
    if status >= SERVER_ERROR:
        said = f", {error}" if error else ""
        return Finding("request", "warn", found + said, "Upstream has a problem now: try later.")
    if status == NOT_FOUND and TWICE in path:
        return Finding("request", "fail", found, ADDED)
    if error is not None:
        return Finding("request", "ok", f"{found}, {error}, in Anthropic's shape")
    if status < 300 and _document(body) is not None:  # noqa: PLR2004 - RFC 9110 §15.3
        return Finding("request", "ok", f"{found}, JSON: no key is required here")
    return Finding(
        "request",
        "fail",
        f"{found}, not in Anthropic's shape",
        "Something else answers: a sign-in page, a filter or another service. Open the URL in a "
        "browser, and check ANTHROPIC_PROXY_UPSTREAM_BASE_URL.",
    )


def clock(date: str | None, now: float) -> Finding:
    """Compare this machine's time (seconds since the epoch) with upstream's Date field."""
    try:
        skew = now - parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return Finding("clock", "warn", "upstream's answer has no Date to compare with")
    ahead = "ahead" if skew > 0 else "behind"
    size = abs(skew)
    verdict: Verdict = "ok" if size <= SKEW_WARN else "warn" if size <= SKEW_FAIL else "fail"
    if verdict == "ok":
        return Finding("clock", verdict, "agrees with upstream's")
    found = f"{size:,.0f} s {ahead} of upstream's"
    return Finding("clock", verdict, found, "Set this machine's clock (timedatectl, NTP).")


def _document(body: bytes) -> dict[str, object] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _error_type(body: bytes) -> str | None:
    """Return the type of an error in Anthropic's shape, or None."""
    document = _document(body) or {}
    error = document.get("error")
    if document.get("type") != "error" or not isinstance(error, dict):
        return None
    kind = error.get("type")
    return kind[:SHOWN] if isinstance(kind, str) and kind.isprintable() else None
