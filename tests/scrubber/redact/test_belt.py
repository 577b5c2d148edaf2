"""The last check of a rewritten unit lets through what parses, or is as broken as it was."""

import pytest

from app.scrubber.json import document
from app.scrubber.json.document import is_quick
from app.scrubber.redact.belt import Broken, check
from tests.cases import every_case
from tests.thorough import scaled

FEWER = scaled(1, 8)  # times less is quick whatever it holds, and so much shorter are the bodies
QUICK = document.QUICK // FEWER
CROWDED = b"[" + (b'[],{},"%b",' % (b"a" * 60)) * (
    15_500 // FEWER
)  # too much punctuation for msgspec
STRINGS = b"[" + b'"a",' * 3_000
WHOLE = CROWDED + b'"a"]'


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "QUICK", QUICK)


def test_one_of_the_texts_is_not_left_to_msgspec() -> None:
    assert not is_quick(WHOLE)


@every_case(
    "original, made",
    [
        (b'"secret"', b'"<KEY_1>"'),
        (b'{"a": "secret", "b": [1]}', b'{"a": "<KEY_1>", "b": [1]}'),
        (WHOLE, WHOLE.replace(b'"a"', b'"<KEY_1>"')),
        (b'"a \xff secret"', b'"a \xff <KEY_1>"'),  # not UTF-8 before, nor now
        (rb'"\q secret"', rb'"\q <KEY_1>"'),  # a bad escape before, and now
        (b'["a" "b"]', b'["<KEY_1>" "b"]'),  # no JSON before, nor now
        (CROWDED + rb'"\q"]', CROWDED + rb'"\q <KEY_1>"]'),
        (STRINGS + rb'"\q secret"]', STRINGS + rb'"\q <KEY_1>"]'),
    ],
)
def test_what_parses_as_before_goes_on(original: bytes, made: bytes) -> None:
    check(original, made)


@every_case(
    "original, made",
    [
        (b'"secret"', b'"<KEY_1>'),
        (b'"secret"', rb'"\q"'),
        (b'["a", "b"]', b'["a" "b"]'),
        (b'"a \xff"', b'"\\q \xff"'),
        (WHOLE, CROWDED + b'"a'),
        (STRINGS + rb'"\q", "a"]', STRINGS + rb'"\q"]'),
        (WHOLE, CROWDED + rb'"\q"]'),
    ],
)
def test_what_was_broken_does_not(original: bytes, made: bytes) -> None:
    with pytest.raises(Broken):
        check(original, made)
