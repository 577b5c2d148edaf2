"""The one 400 that a proxy must never cause."""

import json

from app.anthropic.intake import Intake
from app.anthropic.tap import Tap

WORDING = "messages.1.content.0: The block is bound to a different conversation."


def test_a_refused_thinking_prefix_has_a_type_of_its_own() -> None:
    for message, kind in ((WORDING, "prefix_mismatch"), ("no", "invalid_request_error")):
        tap = Tap(Intake("application/json", None))
        error = {"type": "invalid_request_error", "message": message}
        tap.feed(json.dumps({"type": "error", "error": error}).encode())
        assert tap.finish().error == kind
