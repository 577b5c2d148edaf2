"""Replacing strings of a run that is hidden as a whole."""

from app.scrubber.json.escapes import view
from app.scrubber.json.spans import Span
from app.scrubber.json.strings import Run
from app.scrubber.placeholders import Scheme
from app.scrubber.redact.ledger import Ledger
from app.scrubber.redact.replace import Replacement, _at_once


def at_once(unit: bytes) -> list[Replacement]:
    run = Run(Span(1, len(unit) - 1), 0, (None, 0), 3)
    return list(_at_once(unit, view(unit), run, Ledger(Scheme("angle", b"k"))))


def test_strings_of_a_hidden_run_are_replaced_and_names_stay() -> None:
    [made] = at_once(b'["a b","name","c d"]')
    assert made.written() == b'"<DENSE_TEXT_10001>","name","<DENSE_TEXT_10001>"'
    assert (made.start, made.end, made.times, made.path) == (1, 19, 2, ((None, 0), 3))


def test_nothing_is_replaced_in_a_hidden_run_of_names() -> None:
    assert not at_once(b'["one","two"]')
