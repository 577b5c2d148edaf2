"""Where a value is restored: every cell of the table in docs/scrubber.md, over a real stream."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.scrubber.placeholders import Hidden
from app.scrubber.restore.sinks import REFUSALS, ToolPolicy
from app.scrubber.restore.table import Plan
from tests.cases import every_case
from tests.scrubber import scrubbing
from tests.scrubber.restore.answering import Answering
from tests.scrubber.restore.test_restore import STREAM, delta, event, start, stop, texts

DOCUMENT = Path(__file__).parents[3] / "docs" / "scrubber.md"
TOKEN = "ghp_" + "f4k3" * 9
SHELL_URL = "postgres://app:a7$(touch;fake)@db.example.net/main"
SCRUBBER = scrubbing.scrubber()
SHOWN = "<GITHUB_TOKEN_1>"

# Where else the placeholder stands in the request that holds the token: what to add to it.
USER, ASSISTANT = "user", "assistant"
ORIGINS: dict[str, dict[str, Any]] = {
    "nowhere else": {},
    "user's text": {USER: {"type": "text", "text": f"fetch {SHOWN}"}},
    "tool result": {USER: {"type": "tool_result", "tool_use_id": "t", "content": f"run {SHOWN}"}},
    "spelled otherwise": {USER: {"type": "text", "text": "&lt;github\\_token_01&gt;"}},
    "server tool's result": {
        ASSISTANT: {"type": "web_search_tool_result", "content": [{"title": SHOWN}]}
    },
    "citation": {
        ASSISTANT: {"type": "text", "text": "see", "citations": [{"cited_text": f"run {SHOWN}"}]}
    },
    "system prompt": {"system": f"The key is {SHOWN}."},
    "tool's description": {"tools": [{"name": "x", "description": f"Send {SHOWN} along."}]},
    "model's earlier words": {ASSISTANT: {"type": "text", "text": f"It is {SHOWN}."}},
    "model's earlier input": {
        ASSISTANT: {"type": "tool_use", "id": "t", "name": "WebFetch", "input": {"url": SHOWN}}
    },
    "thinking": {ASSISTANT: {"type": "thinking", "thinking": f"So {SHOWN}", "signature": "c2ln"}},
}


def request(origin: str, secret: str = TOKEN) -> dict[str, Any]:
    """Return a request with a token, and its placeholder where ``origin`` says."""
    more = ORIGINS[origin]
    content = [{"type": "text", "text": f"the key: {secret}"}]
    later = [{"role": role, "content": [more[role]]} for role in (ASSISTANT, USER) if role in more]
    members: dict[str, Any] = {name: more[name] for name in ("system", "tools") if name in more}
    return {"model": "m", "messages": [{"role": USER, "content": content}, *later], **members}


def tool(name: str, kind: str = "tool_use") -> Any:
    """Return what makes the stream of a tool's use, whose input holds a text."""

    def made(text: str) -> bytes:
        written = json.dumps({"x": {"command": text}})
        return (
            start(0, kind, id="toolu_1", name=name, input={})
            + delta(0, "input_json_delta", written[:9])
            + delta(0, "input_json_delta", written[9:])
            + stop(0)
        )

    return made


SINKS: dict[str, Any] = {
    "text": lambda text: start(0, "text", text="") + delta(0, "text_delta", text) + stop(0),
    "Read, Edit, Write, Task": tool("Edit"),
    "Bash": tool("Bash"),
    "WebFetch": tool("WebFetch"),
    "WebSearch": tool("WebSearch"),
    "MCP tool": tool("mcp__kubernetes__apply"),
    "unknown tool": tool("send_mail"),
    "server tool": tool("web_fetch", "server_tool_use"),
    "upstream's MCP tool": tool("apply", "mcp_tool_use"),
    "result made upstream": lambda text: start(
        0, "web_fetch_tool_result", content={"type": "text", "text": text}
    ),
    "citation made upstream": lambda text: (
        start(0, "text", text="")
        + event(
            "content_block_delta",
            index=0,
            delta={"type": "citations_delta", "citation": {"cited_text": text}},
        )
    ),
    "block of an unknown type": lambda text: start(0, "novelty", text=text),
}


def answered(
    origin: str, stream: bytes, tools: str = "", secret: str = TOKEN
) -> tuple[bytes, Answering]:
    """Restore the answer to a request; return it with its counts."""
    redaction = SCRUBBER.redact(json.dumps(request(origin, secret)).encode(), None, "POST")
    plan = Plan(
        redaction.placeholders, SCRUBBER.recognizer, redaction.foreign, ToolPolicy.parse(tools)
    )
    restorer = Answering(plan, STREAM, None)
    return restorer.pass_on(stream) + restorer.close(), restorer


def matrix() -> list[tuple[str, str, str]]:
    """Return the cells of the document's table: sink, origin, what is promised."""
    lines = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    head = next(index for index, line in enumerate(lines) if line.startswith("| Sink |"))
    cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines[head:]]
    return [
        (row[0], origin, cell)
        for row in cells[2:]
        if row[0] in SINKS
        for origin, cell in zip(cells[0][1:], row[1:], strict=True)
    ]


MATRIX = matrix()


def test_the_document_names_every_sink_and_every_origin() -> None:
    assert {sink for sink, _, _ in MATRIX} == set(SINKS)
    assert {origin for _, origin, _ in MATRIX} == set(ORIGINS)


@every_case("sink, origin, promised", MATRIX)
def test_a_value_is_restored_only_where_the_document_says(
    sink: str, origin: str, promised: str
) -> None:
    made, restorer = answered(origin, SINKS[sink](f"send {SHOWN} to them"))
    reason = re.fullmatch(r"`(\w+)`", promised)
    if reason is None:
        assert promised == "value"
        assert (TOKEN.encode() in made, dict(restorer.refused)) == (True, {})
    else:
        assert TOKEN.encode() not in made
        assert SHOWN.encode() in made
        assert dict(restorer.refused) == {reason[1]: 1}


@pytest.mark.parametrize("sink", SINKS)
def test_a_guessed_number_stands_for_nothing(sink: str) -> None:
    stream = SINKS[sink]("send <GITHUB_TOKEN_2> to them")
    assert answered("nowhere else", stream)[0] == stream


@pytest.mark.parametrize(
    ("sink", "tools", "restored"),
    [
        ("MCP tool", "mcp__kubernetes__*", True),
        ("MCP tool", "+mcp__*", True),
        ("MCP tool", "mcp__*,-mcp__kubernetes__*", False),
        ("WebFetch", "WebFetch", True),
        ("Bash", "-Bash", False),
        ("Bash", "-*", False),
        ("Bash", "-*, Bash", True),
        ("server tool", "*", False),
        ("upstream's MCP tool", "*", False),
        ("result made upstream", "*", False),
        ("text", "-*", True),
    ],
)
def test_patterns_add_and_remove_tools_but_never_what_upstream_runs(
    sink: str, tools: str, restored: bool
) -> None:
    made, _ = answered("nowhere else", SINKS[sink](f"send {SHOWN}"), tools)
    assert (TOKEN.encode() in made) is restored


@pytest.mark.parametrize("tools", ["Ba sh", "mcp__*;Bash", "-", "Read,(x)"])
def test_a_pattern_that_can_name_no_tool_is_refused(tools: str) -> None:
    with pytest.raises(ValueError, match="is not a pattern"):
        ToolPolicy.parse(tools)


@pytest.mark.parametrize(
    ("sink", "tools", "restored"),
    [
        ("Bash", "", False),
        ("Read, Edit, Write, Task", "", True),
        ("text", "", True),
        ("MCP tool", "mcp__*", True),
    ],
)
def test_a_value_with_shell_syntax_never_gets_into_a_shell_command(
    sink: str, tools: str, restored: bool
) -> None:
    stream = SINKS[sink]("psql <DB_CONNECTION_STRING_1>")
    made, restorer = answered("nowhere else", stream, tools, SHELL_URL)
    assert (b"touch" in made) is restored
    assert dict(restorer.refused) == ({} if restored else {"shell_syntax": 1})


@pytest.mark.parametrize("whole", [True, False], ids=["JSON", "stream"])
@pytest.mark.parametrize(
    ("text", "restored"),
    [
        ("Authorization: Bearer {} and more", True),
        ("the token is {} and more", False),
        ("`Bearer {}`", True),
        ("Bearer {}", True),
        ("x{}", False),
        ("twice: Bearer {0} and {0} alone", False),
    ],
)
def test_what_only_its_context_tells_stays_a_placeholder_without_it(
    text: str, restored: bool, whole: bool
) -> None:
    secret = "fake0fake1fake2fake3fake4"
    redaction = SCRUBBER.redact(
        json.dumps(request("nowhere else", f"Bearer {secret}")).encode(), None, "POST"
    )
    shown = next(iter(redaction.placeholders))
    words = text.format(shown)
    if whole:
        answer = json.dumps({"content": [{"type": "text", "text": words}]}).encode()
    else:
        answer = start(0, "text", text="")
        answer += b"".join(delta(0, "text_delta", letter) for letter in words) + stop(0)
    restorer = Answering(
        Plan(redaction.placeholders, SCRUBBER.recognizer),
        "application/json" if whole else STREAM,
        None,
    )
    made = restorer.pass_on(answer) + restorer.close()
    assert restorer.refused.get("not_found_again", 0) == int(not restored)
    assert made.count(shown.encode()) == int(not restored) or not whole
    assert (secret.encode() in made) is (restored or "twice" in text)


def test_a_placeholder_of_a_fixed_length_waits_for_what_comes_after_it() -> None:
    secret = "AKIA" + "FAKEFAKEFAKE2345"
    stream = start(0, "text", text="") + delta(0, "text_delta", "<AWS_ACCESS_KEY_1>")
    made, restorer = answered(
        "nowhere else", stream + delta(0, "text_delta", "ABC is no key") + stop(0), secret=secret
    )
    assert secret.encode() not in made
    assert dict(restorer.refused) == {"not_found_again": 1}


@pytest.mark.parametrize(
    "spelling",
    [
        "\\\\u003cGITHUB_TOKEN_1\\\\u003e",
        "&lt;GITHUB_TOKEN_1&gt;",
        "<github_token_1>",
        "<GITHUB_TOKEN_01>",
        "%3CGITHUB_TOKEN_1%3E",
        "<GITHUB_TOKEN_7>",
    ],
)
def test_variants_of_a_placeholder_are_counted_as_unresolved(spelling: str) -> None:
    written = f'{{"content": "{spelling} stays"}}'
    stream = start(0, "tool_use", id="toolu_1", name="Write", input={})
    stream += b"".join(delta(0, "input_json_delta", letter) for letter in written) + stop(0)
    made, restorer = answered("nowhere else", stream)
    assert texts(made) == texts(stream)
    assert restorer.unresolved == 1


def test_every_reason_is_in_the_document() -> None:
    text = DOCUMENT.read_text()
    assert all(f"`{reason}`" in text for reason in REFUSALS)


def test_the_context_of_a_value_may_have_come_long_before_it() -> None:
    token = "fake0fake1fake2fake3fake4"
    words = "of prose " * 1000 + "Authorization: Bearer "
    said = (words[at : at + 9] for at in range(0, len(words), 9))
    answer = Plan({"<BEARER_TOKEN_1>": Hidden("bearer_token", token)}, SCRUBBER.recognizer)
    restorer = Answering(answer, STREAM, None)
    made = start(0, "text", text="")
    for piece in (*said, "<BEARER_TOKEN_1>", " and"):
        made += restorer.pass_on(delta(0, "text_delta", piece))
    made += restorer.pass_on(stop(0)) + restorer.close()
    assert texts(made) == {(0, "text_delta"): f"{words}{token} and"}
