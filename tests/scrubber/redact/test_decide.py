"""Decisions about hits: each is a step of the scan, behind which others get their turn."""

import json

from app.scrubber.detect import rules
from app.scrubber.detect.scan import Scanner
from app.scrubber.json.spans import Span
from app.scrubber.json.strings import Text
from app.scrubber.placeholders import Scheme
from app.scrubber.redact.batches import Batch
from app.scrubber.redact.decide import Decider
from app.scrubber.redact.ledger import Ledger

HITS = 300


def test_each_decision_is_a_step_of_its_own() -> None:
    text = json.dumps(" ".join(f"u{number}@ex.com" for number in range(HITS))).encode()
    span = Span(1, len(text) - 1)
    scanner = Scanner(rules.load(file=None).detectors)
    hits = list(scanner.hits(text, scanner.candidates(text), span))
    steps: list[None] = []
    ledger = Ledger(Scheme("angle", b"k"))
    decider = Decider(text, "other", ledger, lambda *_: False, lambda: steps.append(None))
    made = decider.replaced(Batch([Text(span, 0, None)], hits))
    assert len(made) == HITS
    assert len(steps) == HITS
