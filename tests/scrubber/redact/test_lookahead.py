"""A look into many units at once finds the same known values as a look into each."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scrubber.json.document import Unit
from app.scrubber.placeholders import Scheme
from app.scrubber.redact import lookahead
from app.scrubber.redact.ledger import Ledger
from app.scrubber.redact.lookahead import Lookahead
from tests.scrubber.scrubbing import BUILT_IN

DETECTOR = BUILT_IN.detectors[0]
VALUES = ["hunter2", "hunter22", "s3cret-value"]
TEXTS = st.lists(st.sampled_from([*VALUES, "hunt", "words ", "er2"]), max_size=4).map("".join)
# A unit's text, whether it is quiet, and a value that becomes known behind it.
UNITS = st.lists(st.tuples(TEXTS, st.booleans(), st.sampled_from(["", "", *VALUES])), max_size=9)


@given(UNITS, st.randoms(use_true_random=False), st.integers(1, 40))
def test_a_unit_holds_a_known_value_if_one_stands_in_it(
    parts: list[tuple[str, bool, str]], order: random.Random, far: int
) -> None:
    body, units = b"[", list[Unit]()
    for number, (text, _, _) in enumerate(parts):
        units.append(Unit(len(body), len(body) + len(text), ("messages", number)))
        body += text.encode() + b","
    visited = list(zip(units, parts, strict=True))
    order.shuffle(visited)  # tools may stand behind the messages
    quiet = {unit.start for unit, (_, is_quiet, _) in visited if is_quiet}
    ledger = Ledger(Scheme("angle", b"k"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lookahead, "_FAR", far)
        ahead = Lookahead(body, units, quiet, ledger)
        for unit, (text, _, learned) in visited:
            assert ahead.holds(unit) == ledger.occurs(text.encode())
            if learned:
                ledger.placeholder(DETECTOR, learned)


def test_units_up_to_the_next_with_signs_are_looked_through_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = b'["a","b","c","hunter2","d"]'
    units = [Unit(at, at + 3, ("messages", at)) for at in (1, 5, 9, 23)]
    units.insert(3, Unit(13, 22, ("messages", 3)))
    ledger = Ledger(Scheme("angle", b"k"))
    ledger.placeholder(DETECTOR, "hunter2")
    looked: list[bytes] = []

    def occurs(_: Ledger, text: bytes) -> bool:
        looked.append(text)
        return b"hunter2" in text

    monkeypatch.setattr(Ledger, "occurs", occurs)
    ahead = Lookahead(body, units, {1, 9, 13, 23}, ledger)
    assert [ahead.holds(unit) for unit in units] == [False, False, False, True, False]
    assert looked == [
        *(b'"a","b"', b'"c","hunter2","d"]', b'"c"'),
        *(b'"hunter2"', b'"d"'),
    ]
