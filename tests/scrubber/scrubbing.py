"""A scrubber as most tests use it, and what it makes of a request."""

import json
from typing import Any

from app.scrubber.detect import rules
from app.scrubber.redact.scrubber import Redaction, Scrubber

BUILT_IN = rules.load(file=None)
EXTENDED = rules.load(file=None, detectors="+extended")


def scrubber(**options: Any) -> Scrubber:
    """Return a scrubber as it is by default, with a clock that stands still, and these options."""
    usual: dict[str, Any] = {
        "mode": "pseudonymize",
        "key": b"k" * 32,
        "rules": BUILT_IN,
        "clock": lambda: 0.0,
        "limit": 1 << 24,
    }
    return Scrubber(**(usual | options))


def redact(request: Any, used: Scrubber | None = None) -> Redaction:
    """Redact a request, given as its bytes or as JSON; it must not be skipped."""
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    redaction = (used or scrubber()).redact(body, None, "POST")
    assert redaction.report.skipped is None
    return redaction


def redacted(request: Any, used: Scrubber | None = None) -> Any:
    """Return what is sent for a request."""
    return json.loads(redact(request, used).body)
