from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.hints import ENTRIES, Hints, read_hints
from app.wire.trace_context import TraceContext

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_each_field_is_read() -> None:
    headers = {
        b"x-client-request-id": b"11111111-2222-4333-8444-555555555555",
        b"traceparent": f"00-{TRACE}-b7ad6b7169203331-01".encode(),
        b"x-claude-code-request-class": b"subagent",
        b"x-claude-code-agent-type": b"general-purpose",
        b"x-claude-code-parent-agent-id": b"a1b2",
        b"x-claude-code-prompt-id": b"66666666-7777-4888-9999-000000000000",
        b"x-claude-code-compaction": b"auto",
        b"x-claude-code-context-compacted": b"1",
        b"x-claude-code-prev-tool-durations": b"Bash=99;Read=4;mcp__a%3Bb=1;mcp__x=7;Bash=12.6",
    }
    assert read_hints(headers) == Hints(
        client_request_id="11111111-2222-4333-8444-555555555555",
        trace=TraceContext(TRACE, "b7ad6b7169203331", sampled=True),
        request_class="subagent",
        agent_type="general-purpose",
        parent_agent_id="a1b2",
        prompt_id="66666666-7777-4888-9999-000000000000",
        compaction="auto",
        context_compacted="1",
        prev_tool_durations=(("Bash", 99), ("Read", 4), ("mcp__x", 7), ("Bash", 13)),
    )


@pytest.mark.parametrize(
    "value",
    [b"", b"two words", b"a%20b", b"x" * 65, b"<script>", b"sk ant", "clé".encode(), b"a\x00b"],
)
def test_what_is_no_word_is_left_out(value: bytes) -> None:
    assert read_hints({b"x-claude-code-agent-type": value}) == Hints()


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01",
        b"ff-" + TRACE.encode() + b"-b7ad6b7169203331-01",
        TRACE.encode(),
        b"00-" + TRACE.upper().encode() + b"-b7ad6b7169203331-01",
    ],
)
def test_a_broken_trace_parent_is_left_out(value: bytes) -> None:
    assert read_hints({b"traceparent": value}).trace_id is None


@pytest.mark.parametrize("taken", ["", "-1", "x", "1e9", "nan", "9" * 13, "٣"])
def test_a_duration_that_is_none_is_left_out(taken: str) -> None:
    value = f"Bash={taken};Read=1".encode()
    assert read_hints({b"x-claude-code-prev-tool-durations": value}).prev_tool_durations == (
        ("Read", 1),
    )


def test_a_list_is_bounded() -> None:
    long = b";".join(b"T%d=1" % n for n in range(100))
    name = b"x-claude-code-prev-tool-durations"
    assert len(read_hints({name: long}).prev_tool_durations) == ENTRIES
    assert read_hints({name: b"Bash=1;" * 1000}).prev_tool_durations == ()
    (bash,) = read_hints({name: b"Bash=999999999999"}).prev_tool_durations
    assert bash == ("Bash", 86_400_000)


NAMES = st.sampled_from(
    [*map(str.encode, ("traceparent", "x-client-request-id"))]
) | st.sampled_from(
    [
        b"x-claude-code-" + name
        for name in (b"request-class", b"prompt-id", b"compaction", b"prev-tool-durations")
    ]
)


@given(st.dictionaries(NAMES, st.binary(max_size=200)))
def test_whatever_comes_only_words_and_numbers_are_kept(headers: dict[bytes, bytes]) -> None:
    hints: Any = read_hints(headers)
    words = [
        getattr(hints, name) for name in Hints.__struct_fields__ if name != "prev_tool_durations"
    ]
    words += [tool for tool, _ in hints.prev_tool_durations]
    assert all(word is None or (word.isascii() and " " not in word) for word in words)
