"""An answer of JSON: how much of it is held, what is counted, and odd documents."""

import json
from typing import Any

import pytest

from app.scrubber.placeholders import Hidden
from app.scrubber.restore import restorer
from app.scrubber.restore.json_answer import with_string
from app.scrubber.restore.sinks import TEXT, UPSTREAM, ToolPolicy
from app.scrubber.restore.table import Plan
from tests.cases import every_case
from tests.scrubber import scrubbing
from tests.scrubber.restore.answering import Answering

SHOWN, VALUE = "<GITHUB_TOKEN_1>", "ghp_" + "f4k3" * 9
RECOGNIZER = scrubbing.scrubber().recognizer
ANSWER = json.dumps({"content": [{"type": "text", "text": f"it is {SHOWN}"}]}).encode()


def answering(media_type: str = "application/json") -> Answering:
    hidden = Hidden("github_token", VALUE)
    return Answering(Plan({SHOWN: hidden}, RECOGNIZER), media_type, None)


def restored(answer: bytes, media_type: str = "application/json") -> bytes:
    restorer = answering(media_type)
    return restorer.pass_on(answer) + restorer.close()


def test_an_answer_is_held_until_it_is_whole() -> None:
    answer = answering()
    assert (answer.pass_on(ANSWER[:9]), answer.held) == (b"", 9)
    assert (answer.pass_on(ANSWER[9:]), answer.held) == (b"", len(ANSWER))
    assert answer.close() == ANSWER.replace(SHOWN.encode(), VALUE.encode())
    assert dict(answer.restored) == {"github_token": 1}
    assert {shown: dict(places) for shown, places in answer.places.items()} == {SHOWN: {"text": 1}}


def test_the_places_of_a_value_are_counted_by_tool() -> None:
    answer = answering()
    block = {"type": "tool_use", "name": "Edit", "input": {"a": f"{SHOWN} {SHOWN}", "b": SHOWN}}
    answer.pass_on(json.dumps({"content": [block]}).encode())
    answer.close()
    assert answer.places == {SHOWN: {"Edit": 3}}


def test_an_answer_over_the_limit_passes_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restorer, "JSON_LIMIT", len(ANSWER) - 1)
    answer = answering()
    assert answer.pass_on(ANSWER[:9]) == b""
    assert (answer.pass_on(ANSWER[9:]), answer.held) == (ANSWER, 0)
    assert answer.pass_on(b" more") == b" more"
    assert answer.close() == b""
    assert dict(answer.restored) == {}


def test_a_string_that_is_not_there_is_not_replaced() -> None:
    with pytest.raises(LookupError):
        with_string(b'{"delta": {"text": "a"}}', (((None, 0), "delta"), "partial_json"), "b")


@every_case("names", [["content", 1, "text"], ["content", 0, "text"], ["a", 0, "b"], ["a", "b", 0]])
def test_a_path_that_leads_nowhere_is_upstreams(names: list[str | int]) -> None:
    documents: list[Any] = [{}, [], None, {"content": [3]}, {"content": {}}]
    for document in documents:
        assert ToolPolicy.parse("").at(document, names) is UPSTREAM
    assert ToolPolicy.parse("").at({}, ["error", "message"]) is TEXT


@pytest.mark.parametrize(
    ("media_type", "is_json"),
    [
        ("application/json; charset=utf-8", True),
        ("application/problem+json", True),
        ("application/json-lines", False),
        ("text/plain", False),
    ],
)
def test_an_answer_is_restored_if_its_type_is_one_of_json(media_type: str, is_json: bool) -> None:
    assert (VALUE.encode() in restored(ANSWER, media_type)) is is_json


def test_a_completion_and_the_words_of_an_error_are_restored() -> None:
    for answer in ({"completion": f"it is {SHOWN}"}, {"error": {"message": SHOWN}}):
        written = json.dumps(answer)
        assert restored(written.encode()) == written.replace(SHOWN, VALUE).encode()


@every_case("beside", [b"\\u00e9", b"\\/", b"\\ud83d", b"\xed\xa0\x80", "é".encode(), b"\\n"])
def test_what_stands_beside_a_placeholder_stays_as_it_is_written(beside: bytes) -> None:
    answer = ANSWER.replace(b"it is", beside)
    assert restored(answer) == answer.replace(SHOWN.encode(), VALUE.encode())
