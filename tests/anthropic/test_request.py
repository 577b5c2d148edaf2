import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.request import leading_model, requested_model


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"claude-opus-5-5","messages":[]}',
        b' {"messages":[{"content":"\\"model\\":\\"no\\""}], "model" : "claude-opus-5-5"}\n',
        b'{"system":{"model":"no"},"model":"claude-\\u006fpus-5-5"}',
        b'{"n":1e999,"i":' + b"9" * 5000 + b',"model":"claude-opus-5-5"}',
        b'{"bad":"\xff","model":"claude-opus-5-5"}',
    ],
)
def test_the_top_level_model_is_found_wherever_it_stands(body: bytes) -> None:
    assert requested_model(body) == "claude-opus-5-5"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"model":null}',
        b'{"model":""}',
        b'{"model":7}',
        b'{"model":["claude-opus-5-5"]}',
        b'{"messages":[{"model":"claude-opus-5-5"}]}',
        b'{"model":"claude-opus-5-5"',
        b'{"model":"\xff"}',
        b'{"model":"' + b"m" * 201 + b'"}',
        b'{"messages":' + b"[" * 100_000,
        b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b',"model":"m"}',
        b"\x1f\x8b\x08\x00",
    ],
)
def test_anything_odd_names_no_model(body: bytes) -> None:
    assert requested_model(body) is None


@given(st.binary())
def test_no_body_is_too_strange(body: bytes) -> None:
    assert requested_model(body) is None or body.lstrip().startswith(b"{")


@given(st.dictionaries(st.text(), st.text()), st.text(min_size=1, max_size=200))
def test_the_model_is_read_from_any_object(fields: dict[str, str], model: str) -> None:
    body = json.dumps(fields | {"model": model}, ensure_ascii=False).encode(errors="replace")
    assert requested_model(body) == model.encode(errors="replace").decode()


@pytest.mark.parametrize(
    ("start", "model"),
    [
        (b'{"model":"claude-opus-5-5","messages":[', "claude-opus-5-5"),
        (b' {\n  "model" : "claude-opus-5-5[1m]", "mess', "claude-opus-5-5[1m]"),
        (b'{"model":"claude-op', None),
        (b'{"max_tokens":1,"model":"claude-opus-5-5"', None),
        (b'{"model":"a\\u0062"', None),
        (b'{"model":""', None),
        (b'{"model":"' + b"x" * 300 + b'"', None),
        (b'[{"model":"claude-opus-5-5"', None),
        (b"", None),
    ],
)
def test_the_model_is_known_from_the_start_of_a_body_where_it_stands_first(
    start: bytes, model: str | None
) -> None:
    assert leading_model(start) == model
