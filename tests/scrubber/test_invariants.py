"""The five laws of the scrubber, over generated conversations in several spellings."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.scrubber.redact.scrubber import Redaction, Scrubber
from app.scrubber.restore.table import Plan
from tests.scrubber import conversations as conv
from tests.scrubber import scrubbing
from tests.scrubber.recognizers import EVERYTHING
from tests.scrubber.restore.answering import Answering
from tests.thorough import scaled

RULES = scrubbing.BUILT_IN
LAW = settings(max_examples=scaled(75, 25))
SKIPPED = {
    "model",
    "role",
    "type",
    "metadata",
    "stream",
    "input_schema",
    "thinking",
    "signature",
    "id",
}


def scrubber(style: Any = "angle") -> Scrubber:
    return scrubbing.scrubber(style=style)


SHARED = scrubber()


def redact(body: bytes, used: Scrubber = SHARED) -> Redaction:
    return scrubbing.redact(body, used)


def loads(body: bytes) -> Any:
    return json.loads(body.decode("utf-8", "surrogatepass"))


def scanned(
    node: Any, *, tools: bool = False, free: bool = False, root: bool = True
) -> Iterator[str]:
    """Yield the strings that are scanned: an independent, recursive statement of the rules."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for one in node:
            yield from scanned(one, tools=tools, free=free, root=False)
    elif isinstance(node, dict):
        opaque = node.get("type") in ("base64", "redacted_thinking") and not free
        for name, one in node.items():
            skipped = name in SKIPPED or name.endswith("_id")
            if not free and (skipped or (tools and name in ("name", "description"))):
                continue
            if opaque and name == "data" and isinstance(one, str):
                continue
            yield from scanned(
                one,
                tools=tools or (name == "tools" and root),
                free=free or name == "input",
                root=False,
            )


@LAW
@given(conv.REQUESTS, conv.ENCODINGS)
def test_only_the_spans_of_secrets_change(request_: Any, encode: Any) -> None:
    body = encode(request_)
    redaction = redact(body)
    if not redaction.report.matches:
        assert redaction.body is body
        return
    # Cut the placeholders out: what is left between stands in the body, in the same order.
    rest, at = redaction.body, 0
    shown = sorted(redaction.placeholders, key=len, reverse=True)
    for placeholder in shown:
        rest = rest.replace(placeholder.encode(), b"\0")
    for piece in rest.split(b"\0"):
        at = body.index(piece, at) + len(piece)
    assert rest.split(b"\0")[-1] == b"" or body.endswith(rest.split(b"\0")[-1])


@LAW
@given(conv.REQUESTS, conv.MESSAGES, conv.ENCODINGS)
def test_what_comes_later_never_changes_what_came_before(
    request_: Any, more: list[Any], encode: Any
) -> None:
    longer = request_ | {"messages": request_["messages"] + more}
    before, after = loads(redact(encode(request_)).body), loads(redact(encode(longer)).body)
    assert after["tools"] == before["tools"]
    assert after["system"] == before["system"]
    assert after["messages"][: len(before["messages"])] == before["messages"]


@LAW
@given(conv.REQUESTS, st.permutations(["model", "messages", "system", "tools"]))
def test_the_order_of_members_in_the_text_does_not_matter(request_: Any, order: list[str]) -> None:
    one = loads(redact(json.dumps(request_).encode()).body)
    names = [*order, *(name for name in request_ if name not in order)]
    other = loads(redact(json.dumps({name: request_[name] for name in names}).encode()).body)
    assert {name: other[name] for name in order} == {name: one[name] for name in order}


@LAW
@given(conv.REQUESTS, conv.ENCODINGS)
def test_no_secret_survives_where_text_is_scanned(request_: Any, encode: Any) -> None:
    left = loads(redact(encode(request_)).body)
    for text in scanned(left):
        for secret in conv.SECRETS:
            assert secret.removeprefix("Bearer ") not in text


@LAW
@given(conv.REQUESTS, conv.ENCODINGS, st.sampled_from(["angle", "token"]))
def test_restoring_gives_the_original_back(request_: Any, encode: Any, style: str) -> None:
    words = [{"type": "text", "text": json.dumps(one)} for one in request_["messages"]]
    request_ = {"content": words}
    body = encode(request_)
    redaction = redact(body, scrubber(style))
    if not redaction.placeholders:  # then nothing is restored
        assert redaction.body is body
        return
    plan = Plan(redaction.placeholders, EVERYTHING)
    restorer = Answering(plan, "application/json", None)
    answer = restorer.pass_on(redaction.body) + restorer.close()
    assert loads(answer) == request_ or "<GITHUB_TOKEN_1>" in json.dumps(request_)


@LAW
@given(conv.REQUESTS, conv.REQUESTS, conv.ENCODINGS)
def test_what_was_seen_before_changes_no_result(request_: Any, other: Any, encode: Any) -> None:
    body = encode(request_)
    used = scrubber()
    for seen in (encode(other), body):
        redact(seen, used)
    assert redact(body, used) == redact(body, scrubber())


def test_a_password_is_replaced_alone_once_its_url_was_seen() -> None:
    contents = ["first hunter2", "redis://:hunter2@cache:6379/0", "then hunter2 alone"]
    body = json.dumps({"messages": [{"role": "user", "content": one} for one in contents]}).encode()
    messages = [one["content"] for one in loads(redact(body).body)["messages"]]
    assert messages == [
        "first hunter2",
        "<DB_CONNECTION_STRING_1>",
        "then <DB_CONNECTION_STRING_2> alone",
    ]


def test_a_number_the_text_uses_itself_is_left_out() -> None:
    body = json.dumps({"messages": [f"<GITHUB_TOKEN_1> and {conv.SECRETS[1]}"]}).encode()
    assert b"<GITHUB_TOKEN_1> and <GITHUB_TOKEN_2>" in redact(body).body


def test_repeated_members_are_all_scanned() -> None:
    body = b'{"messages":["%s"],"messages":["%s"]}' % (
        conv.SECRETS[0].encode(),
        conv.SECRETS[1].encode(),
    )
    assert (
        redact(body).body == b'{"messages":["<ANTHROPIC_KEY_1>"],"messages":["<GITHUB_TOKEN_1>"]}'
    )


def test_a_repeated_type_hides_no_text() -> None:
    body = b'{"messages":[{"type":"base64","type":"text","data":"%s"}]}' % conv.SECRETS[0].encode()
    assert b"<ANTHROPIC_KEY_1>" in redact(body).body


def test_lone_surrogates_are_no_way_past() -> None:
    body = b'{"messages":["\\ud800 %s"]}' % conv.SECRETS[0].encode()
    assert redact(body).body == b'{"messages":["\\ud800 <ANTHROPIC_KEY_1>"]}'


@pytest.mark.parametrize("name", ["\\ud800", "k\\udcff", "\\udfff\\n", '\\ud800\\"'])
def test_lone_surrogates_in_names_are_no_way_past(name: str) -> None:
    for text in (
        '{"messages":["VALUE"],"NAME":1}',
        '{"NAME":{"NAME":["VALUE"]},"messages":[]}',
        '{"messages":[{"role":"assistant","content":[{"type":"text","NAME":"VALUE"}]}]}',
        '{"messages":[{"content":[{"type":"tool_use","input":{"NAME VALUE":"VALUE"}}]}]}',
    ):
        body = text.replace("NAME", name)
        made = redact(body.replace("VALUE", conv.SECRETS[0]).encode()).body
        assert made == body.replace("VALUE", "<ANTHROPIC_KEY_1>").encode()
