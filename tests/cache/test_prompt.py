"""Hashes stay as they are where the prompt does, and a next body is read as a whole one is."""

import json
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.anthropic.elements import MOST_ELEMENTS
from app.cache import prompt as prompts
from app.cache.blocks import add_message, tool_name
from app.cache.members import Unreadable, read_message
from app.cache.prompt import MOST_SPANS, Prompt, read_prompt
from tests.cache.bodies import LONG, SHORT, SYSTEM, TOOLS, assistant, block, body, tool, user

Json = dict[str, Any]


def prefixes(sent: bytes) -> list[int]:
    return list(read_prompt(sent, hash)[0].blocks.prefixes)


def compact(document: Json | list[Json]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def facts(prompt: Prompt) -> tuple[Any, ...]:
    """Return a prompt, except for its tools: known ones are not kept."""
    blocks = prompt.blocks
    shown = (blocks.marks, blocks.fill, blocks.size, blocks.first, blocks.last, blocks.system)
    hashes = list(blocks.prefixes), bytes(blocks.kinds)
    return (prompt.model, prompt.params, prompt.automatic, *hashes, *map(repr, shown))


texts = st.text(alphabet='ab"\\{}[],:é\n ', max_size=12)
blocks_ = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, texts),
    st.builds(
        lambda text: {"type": "tool_use", "id": "t", "name": "n", "input": {text: text}}, texts
    ),
    st.builds(lambda text: {"type": "tool_result", "tool_use_id": "t", "content": text}, texts),
    st.builds(
        lambda text: {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}, texts
    ),
)
messages_ = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(("user", "assistant", "system")),
            "content": st.one_of(texts, st.lists(blocks_, max_size=3)),
        },
        optional={"output_config": st.just({"effort": "low"})},
    ),
    max_size=5,
)
documents = st.fixed_dictionaries(
    {
        "model": st.just("claude-opus-5-5"),
        "messages": messages_,
        "system": st.one_of(texts, st.lists(blocks_, max_size=2)),
    },
    optional={
        "tools": st.lists(st.builds(lambda name: {"name": name}, texts), max_size=2),
        "cache_control": st.just({"type": "ephemeral"}),
        "thinking": st.just({"type": "adaptive"}),
    },
)


ALREADY_MARKED = {  # elsewhere than at its end
    "role": "user",
    "content": [
        {"type": "text", "text": "a", "cache_control": SHORT},
        {"type": "text", "text": "b"},
    ],
}


@given(documents, st.lists(messages_, max_size=3), st.booleans(), st.booleans())
@example(
    {"model": "claude-opus-5-5", "messages": [ALREADY_MARKED], "cache_control": SHORT},
    [[user("u1", 1)], [ALREADY_MARKED, user("u2", 1)]],
    False,
    False,
)
@example({"model": "claude-opus-5-5", "messages": []}, [[user("u1", 1)]], False, False)
def test_a_next_body_is_read_as_a_whole_one_is(
    document: Json, further: list[list[Json]], spaced: bool, changed: bool
) -> None:
    template = None
    separators = (", ", ": ") if spaced else (",", ":")
    messages = list(document["messages"])
    for more in [[], *further]:
        messages = messages[:-1] + more if changed else messages + more
        sent = json.dumps({**document, "messages": messages}, separators=separators).encode()
        read, template = read_prompt(sent, hash, template=template)
        assert facts(read) == facts(read_prompt(sent, hash)[0])


@given(messages_)
def test_a_message_is_read_the_same_whatever_its_form(messages: list[Json]) -> None:
    for message in messages:
        raw = compact(message)
        assert read_message(raw) == read_message(b"{ " + raw[1:])


@pytest.mark.parametrize(
    "raw",
    [
        b'{"role":"user","content":"a","content":"b"}',
        b'{"role":"user","content":["a"],"content":["b"]}',
        b'{"role":"user","content":["a"],"output_config":["b"]}',
        b'{"role":"user","content":"a","output_config":"b"}',
        b'{"role":"user","content":"a\\\\"}',
        b'{"role":"user","content":"a\\"b"}',
        b'{"role":"user","content":[] }',
        b'{"role":"user","content":[]}',
        b'{"role":"user","content":""}',
        b'{"role":"user","content":null}',
    ],
    ids=str,
)
def test_an_odd_message_is_read_as_json(raw: bytes) -> None:
    read, parsed = read_message(raw), json.loads(raw)
    content = parsed["content"]
    blocks = [content] if isinstance(content, str) else content or []
    assert [json.loads(block) for block in read.blocks] == blocks
    config = parsed.get("output_config")
    assert (None if read.output_config is None else json.loads(read.output_config)) == config


@given(documents)
def test_a_large_body_is_read_as_a_small_one_is(document: Json) -> None:
    small, large = ({**document, "metadata": "x" * size} for size in (1, 70_000))
    assert facts(read_prompt(compact(small), hash)[0]) == facts(
        read_prompt(compact(large), hash)[0]
    )


@given(documents)
def test_a_body_that_is_alone_is_read_the_same_without_a_template(document: Json) -> None:
    read, template = read_prompt(compact(document), hash, alone=True)
    assert template is None
    assert facts(read) == facts(read_prompt(compact(document), hash)[0])


def test_messages_that_stand_elsewhere_too_are_not_mistaken() -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    first, template = read_prompt(
        compact({"metadata": {"messages": messages[:1]}, "messages": messages}), hash
    )
    assert template is None
    assert len(first.blocks.kinds) == len(messages)


@pytest.mark.parametrize(
    "frame",
    [
        '{"messages":%s,"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}',
        '{"messages":%s,"mess\\u0061ges":[{"role":"user","content":"a"}]}',
        '{"metadata":{"messages":%s},"messages":[{"role":"user","content":"a"}]}',
        '{"messages":[{"role":"user","content":"a"}],"messages":%s}',
    ],
)
def test_the_messages_that_count_are_the_last_of_their_name(frame: str) -> None:
    turns = [{"role": "user", "content": text} for text in "abc"]
    template = None
    for count in (1, 2, 3):
        sent = frame.encode().replace(b"%s", compact(turns[:count]))
        read, template = read_prompt(sent, hash, template=template)
        assert facts(read) == facts(read_prompt(sent, hash)[0])


def test_only_the_middle_of_a_next_body_is_parsed() -> None:
    a, b, c = user("u1"), assistant("a1"), user("u2")
    _, template = read_prompt(body(a, b, c), hash)
    with patch.object(prompts, "add_message", wraps=add_message) as added:
        read_prompt(body(a, b, c, b, c), hash, template=template)
    assert added.call_count == len((b, c))


def test_a_last_message_that_has_only_lost_its_mark_is_not_parsed() -> None:
    a, b, c = user("u1"), assistant("a1"), user("u2")
    for mark in (SHORT, LONG, None):
        _, template = read_prompt(body(a, mark=mark), hash)
        sent = body(a, b, c, mark=mark)
        with patch.object(prompts, "add_message", wraps=add_message) as added:
            read, _ = read_prompt(sent, hash, template=template)
        assert added.call_count == len((b, c))
        assert facts(read) == facts(read_prompt(sent, hash)[0])


@given(
    st.lists(blocks_, min_size=1, max_size=3),
    st.sampled_from((SHORT, LONG, {"type": "other"})),
    st.integers(0, 2),
    st.lists(messages_, min_size=1, max_size=3),
    st.booleans(),
)
def test_a_last_message_is_read_the_same_whatever_becomes_of_its_mark(
    content: list[Json], mark: Json, place: int, further: list[list[Json]], kept: bool
) -> None:
    """Also one that has a mark in another block, or more of them, or goes on otherwise."""
    place = min(place, len(content) - 1)
    plain = {"role": "user", "content": content}
    marked = [*content[:place], {**content[place], "cache_control": mark}, *content[place + 1 :]]
    template, messages = None, [{**plain, "content": marked}]
    for more in ([], *further):
        messages = [*messages, *more]
        sent = body(*messages, mark=None)
        read, template = read_prompt(sent, hash, template=template)
        assert facts(read) == facts(read_prompt(sent, hash)[0])
        messages[0] = messages[0] if kept else plain


def test_a_first_body_that_is_sent_once_more_is_not_parsed() -> None:
    sent = compact({"messages": [user("u1"), assistant("a1"), user("u2")]})
    read, template = read_prompt(sent, hash, b"one")
    again, same = read_prompt(sent, hash, b"one", template=template)
    assert again is read
    assert same is template
    other, _ = read_prompt(sent, hash, b"two", template=template)
    assert facts(other) == facts(read_prompt(sent, hash, b"two")[0])
    changed = sent.replace(b"u2_ ", b"u3_ ")
    assert len(changed) == len(sent)
    read, _ = read_prompt(changed, hash, b"one", template=template)
    assert facts(read) == facts(read_prompt(changed, hash, b"one")[0]) != facts(again)


def test_a_prompt_shows_none_of_its_text() -> None:
    """Its tools are kept until its answer: what logs a prompt must not log them."""
    sent = body(user("u1"))
    prompt, _ = read_prompt(sent, hash)
    assert prompt.tools is not None
    assert b"Bash" in prompt.tools
    assert repr(prompt).startswith("Prompt('claude-opus-5-5', ")
    assert not [word for word in ("Bash", "Read", "u1_", "Sys") if word in repr(prompt)]


def test_a_long_conversation_is_hashed_in_few_pieces() -> None:
    turns = [user("u0")]
    template = None
    for number in range(40):
        _, template = read_prompt(body(*turns), hash, template=template)
        assert template is not None
        assert len(template.spans) <= MOST_SPANS
        turns += [assistant(f"a{number}", 5), user(f"u{number}", 5)]


@given(blocks_, st.sampled_from((SHORT, LONG, None)), st.integers(0, 4), st.booleans())
@example({"type": "text", "text": '","cache_control":{"type":"ephemeral"}'}, SHORT, 0, True)
def test_a_mark_is_no_part_of_its_block(
    content: Json, mark: Json | None, place: int, spaced: bool
) -> None:
    plain = {name: value for name, value in content.items() if name != "cache_control"}
    members = list(plain.items())
    members.insert(min(place, len(members)), ("cache_control", mark))
    separators = (", ", ": ") if spaced else (",", ":")

    def sent(one: Json) -> bytes:
        document = {"messages": [{"role": "user", "content": [one]}]}
        return json.dumps(document, separators=separators).encode()

    assert prefixes(sent(dict(members))) == prefixes(sent(plain))
    marks = read_prompt(sent(dict(members)), hash)[0].blocks.marks
    assert [one.ttl for one in marks] == ([] if mark is None else [3600 if mark is LONG else 300])


def test_a_mark_that_a_text_quotes_is_none() -> None:
    quoted = '{"cache_control":{"type":"ephemeral"}}'
    sent = body({"role": "user", "content": quoted}, mark=None, system_mark=None)
    assert read_prompt(sent, hash)[0].marks == []


def test_a_text_alone_is_the_same_in_a_list() -> None:
    one = compact({"messages": [{"role": "user", "content": "hello"}]})
    other = compact(
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]}
    )
    assert prefixes(one) == prefixes(other)


def test_role_and_config_of_a_message_are_a_part_of_it() -> None:
    shapes: list[Json] = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "a", "output_config": {"effort": "low"}},
    ]
    assert len({tuple(prefixes(compact({"messages": [one]}))) for one in shapes}) == len(shapes)


@pytest.mark.parametrize(
    ("tools", "index", "name"),
    [
        (b'[{"name":"Bash"},{"name":"mcp__a__b"}]', 1, "mcp__a__b"),
        (b'[{"name":"Bash","defer_loading":true},{"name":"Edit"}]', 0, "Edit"),
        (b'[{"input_schema":{"name":"x"},"name":"Bash"}]', 0, "Bash"),
        (b'[{"name":"Bash"}]', 1, None),
        (b'[{"name":"a sentence, not a name"}]', 0, None),
        (b'[{"name":7}]', 0, None),
        (b"[7]", 0, None),
        (None, 0, None),
    ],
)
def test_a_tool_is_named_by_its_place_among_the_blocks(
    tools: bytes | None, index: int, name: str | None
) -> None:
    assert tool_name(tools, index) == name


def test_the_order_is_tools_system_messages_whatever_that_of_the_members() -> None:
    first = {"messages": [user("u1")], "system": "s", "tools": [{"name": "t"}], "model": "m"}
    last = dict(reversed(first.items()))
    read = read_prompt(compact(first), hash)[0]
    assert bytes(read.blocks.kinds) == bytes((0, 1, 2))
    assert prefixes(compact(first)) == prefixes(compact(last))


def test_the_attribution_and_deferred_tools_are_left_out() -> None:
    deferred = tool("Later", 10, defer_loading=True)
    plain = body(user("u1"), system=SYSTEM[1:])
    assert prefixes(body(user("u1"), tools=[deferred, *TOOLS])) == prefixes(plain)


def test_a_text_that_mentions_the_attribution_is_kept() -> None:
    system = [block("a", 3), {"type": "text", "text": "about x-anthropic-billing-header: it"}]
    assert len(prefixes(body(user("u1"), system=system))) == len(TOOLS) + 3


def test_only_four_marks_count() -> None:
    marked = [{"type": "text", "text": str(n), "cache_control": SHORT} for n in range(100)]
    read = read_prompt(compact({"messages": [{"role": "user", "content": marked}]}), hash)[0]
    assert [mark.block for mark in read.marks] == [96, 97, 98, 99]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"[]",
        b"{}",
        b'{"messages":',
        b'{"messages":"none"}',
        b'{"messages":{}}',
        b'{"messages":[1]}',
        b'{"model":1,"messages":[]}',
        b'{"messages":[],"tools":{}}',
        b"\xff\xfe",
        b'{"messages":' + b"[" * 100_000,
        b'{"messages":[' + b"{}," * 200_000 + b"{}]}",
    ],
    ids=str,
)
def test_an_odd_body_is_refused_and_nothing_else_happens(sent: bytes) -> None:
    with pytest.raises(Unreadable):
        read_prompt(sent, hash)


def test_a_next_body_is_refused_as_a_whole_one_is() -> None:
    sent = body(user("u1"), assistant("a1"), user("u2"))
    _, template = read_prompt(sent, hash)
    assert template is not None
    at = template.stable.end
    with pytest.raises(Unreadable):
        read_prompt(sent[:at] + b",{]" + sent[-template.tail[0] :], hash, template=template)


def test_a_list_is_read_to_a_bound() -> None:
    message = '{"role":"user","content":"' + "x" * 20 + '"}'
    sent = '{"messages":[' + ",".join([message] * (MOST_ELEMENTS + 1)) + "]}"
    with pytest.raises(Unreadable):
        read_prompt(sent.encode(), hash)
