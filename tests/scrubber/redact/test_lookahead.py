"""A look into many units at once finds the same known values as a look into each."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scrubber.detect.prefilter import CLEAR, FAINT, FIRST, NONE
from app.scrubber.json.document import Unit
from app.scrubber.placeholders import Scheme
from app.scrubber.redact import lookahead
from app.scrubber.redact.ledger import Ledger
from app.scrubber.redact.lookahead import Lookahead
from app.scrubber.redact.survey import Survey
from tests.scrubber.scrubbing import BUILT_IN

DETECTOR = BUILT_IN.detectors[0]
VALUES = ["hunter2", "hunter22", "s3cret-value", "token:0a1b"]
TEXTS = st.lists(st.sampled_from([*VALUES, "hunt", "words ", "er2", "s3"]), max_size=4).map("".join)
# A unit's text, whether it is quiet, and a value that becomes known behind it.
UNITS = st.lists(st.tuples(TEXTS, st.booleans(), st.sampled_from(["", "", *VALUES])), max_size=9)


def clearness(text: bytes) -> int:
    """Return something that is no less for all that a text stands in."""
    return CLEAR if b"token" in text else FAINT if b"s3" in text else NONE


@given(UNITS, st.randoms(use_true_random=False), st.integers(1, 40))
def test_what_is_left_of_units_is_not_quiet_or_holds_a_known_value(
    parts: list[tuple[str, bool, str]], order: random.Random, far: int
) -> None:
    body, units = b"[", list[Unit]()
    for number, (text, _, _) in enumerate(parts):
        units.append(Unit(len(body), len(body) + len(text), ("messages", number)))
        body += text.encode() + b","
    visited = list(zip(units, parts, strict=True))
    order.shuffle(visited)  # tools may stand behind the messages
    quiet = {
        unit.start: clearness(text.encode()) for unit, (text, is_quiet, _) in visited if is_quiet
    }
    ledger = Ledger(Scheme("angle", b"k"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lookahead, "_FAR", far)
        ahead = Lookahead(body, units, quiet, ledger, clearness)
        left = ahead.rest([unit for unit, _ in visited])
        for unit, (text, is_quiet, learned) in visited:
            if not is_quiet or ledger.occurs(text.encode()):
                assert next(left) is unit
                if learned:
                    ledger.placeholder(DETECTOR, learned)
        assert next(left, None) is None


def test_quiet_units_up_to_the_next_with_signs_are_looked_through_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = b'["a","b","c","hunter2","s","token:0a1b"]'
    units = [Unit(at, at + 3, ("messages", at)) for at in (1, 5, 9, 23)]
    units.insert(3, Unit(13, 22, ("messages", 3)))
    units.append(Unit(27, 39, ("messages", 27)))
    ledger = Ledger(Scheme("angle", b"k"))
    looked: list[bytes] = []

    def occurs(_: Ledger, text: bytes) -> bool:
        looked.append(text)
        return b"hunter2" in text

    monkeypatch.setattr(Ledger, "occurs", occurs)
    quiet = {1: NONE, 9: NONE, 13: NONE, 23: NONE, 27: CLEAR}
    ahead = Lookahead(body, units, quiet, ledger, clearness)
    ledger.placeholder(DETECTOR, "token:0a1b")
    assert [unit.start for unit in ahead.rest(units)] == [5]
    assert looked.pop() == b'"token:0a1b"]'
    assert not looked  # such a value stands in no other quiet unit
    ledger.placeholder(DETECTOR, "hunter2")
    assert [unit.start for unit in ahead.rest(units)] == [5, 13]
    assert looked == [
        b'"a",',
        b'"c","hunter2","s","token:0a1b"]',
        b'"c"',
        b'"hunter2"',
        b'"s"',
        b'"token:0a1b"',
    ]


def test_a_unit_longer_than_what_is_looked_through_together_is_looked_through_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lookahead, "_FAR", 4)
    body = b'["hunter2","words."]'
    units = [Unit(1, 10, ("messages", 0)), Unit(11, 19, ("messages", 1))]
    ledger = Ledger(Scheme("angle", b"k"))
    ledger.placeholder(DETECTOR, "hunter2")
    looked: list[bytes] = []

    def occurs(_: Ledger, text: bytes) -> bool:
        looked.append(text)
        return b"hunter2" in text

    monkeypatch.setattr(Ledger, "occurs", occurs)
    ahead = Lookahead(body, units, {1: NONE, 11: NONE}, ledger, clearness)
    assert [unit.start for unit in ahead.rest(units)] == [1]
    assert looked == [b'"hunter2"', b'"words."']


def test_of_too_many_values_it_is_not_asked_how_clear_a_sign_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lookahead, "_TOLD", 1)
    ledger = Ledger(Scheme("angle", b"k"))
    ledger.placeholder(DETECTOR, "token:0a1b")
    ledger.placeholder(DETECTOR, "token:2c3d")
    body = b'["token:2c3d"]'
    unit = Unit(1, 13, ("messages", 0))
    asked: list[bytes] = []

    def told(text: bytes) -> int:
        asked.append(text)
        return CLEAR

    assert [*Lookahead(body, [unit], {1: NONE}, ledger, told).rest([unit])] == [unit]
    assert asked == [b"token:0a1b"]


@pytest.mark.parametrize(
    ("known", "places"),
    [
        ((), [3]),
        ((FIRST, FAINT), [3]),
        ((FIRST, CLEAR), None),
        ((FAINT, NONE), None),
    ],
)
def test_values_that_begin_with_a_sign_can_stand_at_its_places_only(
    known: tuple[int, ...], places: list[int] | None
) -> None:
    ledger = Ledger(Scheme("angle", b"k"))
    ahead = Lookahead(b"", [], {}, ledger, lambda text: int(text[-1:]))
    for number, clearness in enumerate(known):
        ledger.placeholder(DETECTOR, f"value{number}-{clearness}")
    assert ahead.places(Survey((), False, None, [3])) == places
    assert ahead.places(Survey((), False, None)) is None
