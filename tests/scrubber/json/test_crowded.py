"""Bodies of very many elements, members or placeholders: they are scanned like any other."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.anthropic.elements import MOST_ELEMENTS
from app.scrubber.json import document
from app.scrubber.json.document import is_quick, units
from app.scrubber.redact.ledger import MOST_LITERALS
from app.scrubber.redact.scrubber import Redaction
from tests.scrubber import scrubbing
from tests.thorough import scaled

FEWER = scaled(1, 8)  # times less is quick whatever it holds, and so much shorter are the bodies
QUICK = document.QUICK // FEWER
MEMBERS = 200_000 // FEWER
STRINGS = 400_000 // FEWER
PIECES = ['"a",', "[],", "1,", "{},", '{"a":[1]},', '"\\n\\n\\n",'][: scaled(6, 1)]
KEY = "sk-ant-" + "api03-fakefakefakefake0001"
OTHER = "ghp_" + "a1B2" * 9


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "QUICK", QUICK)


def redact(body: bytes, mode: Any = "pseudonymize") -> Redaction:
    return scrubbing.redact(body, scrubbing.scrubber(mode=mode))


def messages(count: int) -> list[Any]:
    return [{"role": "user", "content": f"message {number}"} for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, MOST_ELEMENTS - 1, MOST_ELEMENTS, MOST_ELEMENTS + 1])
@pytest.mark.parametrize("space", [b"", b" "])
def test_a_secret_behind_any_number_of_messages_is_replaced(count: int, space: bytes) -> None:
    body = json.dumps({"messages": [*messages(count), KEY], "model": OTHER}).encode()
    made = redact(space + body).body
    assert made == space + body.replace(KEY.encode(), b"<ANTHROPIC_KEY_1>")


def test_messages_are_units_unless_there_are_too_many() -> None:
    def count(number: int) -> int:
        return len(units(json.dumps({"messages": messages(number)}).encode()))

    assert count(MOST_ELEMENTS) == MOST_ELEMENTS
    assert count(MOST_ELEMENTS + 1) == 1


@pytest.mark.parametrize(
    ("text", "quick"), [(b"abcdefgh", True), (rb"abcdef\n", True), (rb"\n\n\n\n", False)]
)
def test_a_large_body_of_escapes_is_not_quick(text: bytes, quick: bool) -> None:
    assert is_quick(b'{"a":"%s"}' % (text * (150_000 // FEWER))) is quick
    assert is_quick(b'{"a":"%s"}' % (text * 1_000))


@pytest.mark.slow
def test_a_secret_behind_any_number_of_members_is_replaced() -> None:
    members = {f"x{number}": "abc" for number in range(MEMBERS)}
    body = json.dumps({"model": OTHER, **members, "last": KEY}).encode()
    assert not is_quick(body)
    made = json.loads(redact(body).body)
    assert made == {"model": OTHER, **members, "last": "<ANTHROPIC_KEY_1>"}


@pytest.mark.parametrize("piece", PIECES)
def test_large_bodies_of_punctuation_give_the_same_units_as_small(piece: str) -> None:
    def shape(times: int) -> Iterator[tuple[Any, ...]]:
        head = f'{{"tools":[{{"name":"a"}}],"messages":[{piece * 9}"x"],"y":[{piece * times}"z"]}}'
        for unit in units(head.encode()):
            yield unit.path, unit.start, unit.end if unit.path != ("y",) else None

    assert list(shape(700_000 // FEWER // len(piece) * 2)) == list(shape(9))


def test_a_secret_in_a_large_body_of_punctuation_is_replaced() -> None:
    strings = ["a"] * STRINGS
    body = json.dumps({"messages": [{"content": [*strings, KEY, [KEY], {"x": KEY}]}]}).encode()
    assert not is_quick(body)
    assert redact(body).body == body.replace(KEY.encode(), b"<ANTHROPIC_KEY_1>")


@pytest.mark.parametrize("closing", ['"', '"]', '"]}', '"]}]', '"]}]}}'])
def test_a_large_body_that_is_no_json_is_not_scanned(closing: str) -> None:
    body = f'{{"messages":[{{"content":[{chr(34)}{KEY}{chr(34)},{chr(34) + "a" + chr(34) + ","}'
    body = body + '"a",' * STRINGS + '"a' + closing
    used = scrubbing.scrubber(mode="detect", key=b"")
    assert used.redact(body.encode(), None, "POST").report.skipped == "not_json"


def test_nothing_is_restored_where_too_many_placeholders_stand_in_the_text() -> None:
    text = " ".join(f"<GITHUB_TOKEN_{number}>" for number in range(1, MOST_LITERALS + 1))
    redaction = redact(json.dumps({"messages": [text, KEY]}).encode())
    assert "<ANTHROPIC_KEY_1>" in redaction.placeholders
    assert redaction.foreign >= redaction.placeholders.keys()


def test_what_the_text_does_not_hold_is_restored_beside_many_placeholders() -> None:
    text = " ".join(f"<GITHUB_TOKEN_{number}>" for number in range(1, 500))
    redaction = redact(json.dumps({"messages": [text, KEY]}).encode())
    assert "<ANTHROPIC_KEY_1>" not in redaction.foreign
    assert "<GITHUB_TOKEN_499>" in redaction.foreign
