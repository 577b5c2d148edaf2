"""Later turns of a conversation: repeated messages are not read, and no result differs."""

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.scrubber.json import document, repeated
from app.scrubber.json.document import units
from app.scrubber.redact import turns
from app.scrubber.redact.cache import Outcome
from app.scrubber.redact.ledger import Change
from app.scrubber.redact.scrubber import Redaction, Scrubber
from app.scrubber.redact.turns import MOST_TURNS
from tests.scrubber import conversations as conv
from tests.scrubber import scrubbing
from tests.thorough import scaled

RULES = scrubbing.BUILT_IN
KEY, TOKEN, URL = conv.SECRETS[0], conv.SECRETS[1], conv.SECRETS[3]
LAW = settings(
    max_examples=scaled(60, 15), suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def scrubber(mode: Any = "pseudonymize", cache: int = 1 << 24) -> Scrubber:
    return scrubbing.scrubber(mode=mode, cache=cache, receipts=True)


SLOW = {mode: scrubber(mode, cache=0) for mode in ("pseudonymize", "detect")}  # remember nothing


def slowly(body: bytes, mode: str = "pseudonymize") -> Redaction:
    return SLOW[mode].redact(body, None, "POST")


def redact(used: Scrubber, body: bytes) -> Redaction:
    return used.redact(body, None, "POST")


def request(*contents: str, **members: Any) -> bytes:
    messages = [{"role": "user", "content": one} for one in contents]
    return json.dumps({"model": "claude", "messages": messages, **members}).encode()


@st.composite
def edited(draw: st.DrawFn, body: dict[str, Any]) -> dict[str, Any]:
    """Return a request that could follow: as clients write them, and as nobody does."""
    messages = list(body["messages"])
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(messages)))
        edit = draw(st.sampled_from(["append", "insert", "drop", "mark", "move"]))
        if edit == "append":
            messages += draw(conv.MESSAGES)
        elif edit == "insert":
            messages[at:at] = draw(conv.MESSAGES)
        elif edit == "drop":
            messages[at : at + 1] = []
        elif edit == "mark":
            mark: dict[str, Any] = {"cache_control": {"type": "ephemeral"}}
            messages[at:] = [one | mark for one in messages[at:]]
        else:
            messages = draw(st.permutations(messages))
    changed = body | {"messages": messages}
    for name, values in (
        ("system", conv.SYSTEM),
        ("tools", conv.TOOLS),
        ("novelty", conv.ANY_JSON),
    ):
        if draw(st.integers(0, 5)) == 0:
            changed[name] = draw(values)
    if draw(st.integers(0, 5)) == 0:
        changed = {name: changed[name] for name in draw(st.permutations(list(changed)))}
    return changed


@st.composite
def conversations(draw: st.DrawFn) -> list[bytes]:
    """Return the bodies of a conversation's turns, mostly in one spelling."""
    spelled: Callable[[Any], bytes] = draw(conv.ENCODINGS)
    body: dict[str, Any] = draw(conv.REQUESTS)
    body["messages"] += draw(conv.MESSAGES) + draw(conv.MESSAGES)
    bodies = [spelled(body)]
    for _ in range(draw(st.integers(1, 4))):
        body = draw(edited(body))
        spelling = draw(conv.ENCODINGS) if draw(st.integers(0, 7)) == 0 else spelled
        made = spelling(body)
        if draw(st.integers(0, 9)) == 0:
            made = made[: draw(st.integers(0, len(made)))]
        bodies.append(made)
    return bodies


@pytest.fixture
def repeats(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many messages were not read, of each body that repeated some."""
    counts: list[int] = []
    real = repeated.units_beside

    def counted(body: bytes, messages: repeated.Repeated) -> Any:
        beside = real(body, messages)
        if beside is not None:
            counts.append(messages.number)
        return beside

    monkeypatch.setattr(turns, "units_beside", counted)
    return counts


def test_every_turn_is_as_if_it_were_the_first(repeats: list[int]) -> None:
    @LAW
    @given(st.lists(conversations(), min_size=1, max_size=2), st.sampled_from(sorted(SLOW)))
    def law(several: list[list[bytes]], mode: str) -> None:
        used = scrubber(mode)
        for turn in range(max(map(len, several))):
            for bodies in several:
                if turn < len(bodies):
                    assert redact(used, bodies[turn]) == slowly(bodies[turn], mode)

    law()
    assert sum(repeats) > LAW.max_examples  # else it proves little


@LAW
@given(conv.REQUESTS, conv.MESSAGES, conv.MESSAGES, conv.ENCODINGS)
def test_the_units_beside_repeated_messages_are_those_of_the_whole(
    request_: Any, common: list[Any], more: list[Any], encode: Any
) -> None:
    earlier = encode(request_ | {"messages": [*common, *request_["messages"]]})
    body = encode(request_ | {"messages": [*common, *more]})
    messages = repeated.messages_of(earlier, units(earlier))
    start = document.first_message(body)
    if messages is None or start is None:
        return
    same = repeated.repeated(body, start, messages)
    beside = None if same is None else repeated.units_beside(body, same)
    if same is None or beside is None:
        return
    assert beside == [
        unit
        for unit in units(body)
        if unit.path[0] != "messages" or unit.path[1] >= same.number  # type: ignore[operator]
    ]
    assert repeated.messages_of(body, beside, same) == repeated.messages_of(body, units(body))


def test_all_but_the_last_message_of_the_same_body_is_known(repeats: list[int]) -> None:
    used, body = scrubber(), request(KEY, "b", TOKEN)
    assert redact(used, body) == redact(used, body) == slowly(body)
    assert repeats == [2]


def test_members_around_the_messages_may_change(repeats: list[int]) -> None:
    used = scrubber()
    for number in range(3):
        body = request(f"{KEY}", "b", "c", system=[{"type": "text", "text": f"v{number}"}])
        assert b"<ANTHROPIC_KEY_1>" in redact(used, body).body
    assert repeats == [2, 2]


def test_a_secret_before_the_messages_changes_their_placeholders(repeats: list[int]) -> None:
    used = scrubber()
    redact(used, request(TOKEN, "b", "c"))
    body = request(TOKEN, "b", "c", system="ghp_" + "0ther" * 8)
    assert repeats == []
    assert redact(used, body) == slowly(body)
    assert b'"<GITHUB_TOKEN_2>"' in redact(used, body).body
    assert repeats


def test_a_password_known_from_the_messages_repeated_is_found_in_new_ones(
    repeats: list[int],
) -> None:
    used = scrubber()
    redact(used, request(URL, "b"))
    assert b"hunter2" not in redact(used, request(URL, "b", "it is hunter2")).body
    assert repeats == [1]


@pytest.mark.parametrize("end", [b",]}", b"]", b"]]}", b"]}}", b",1 2]}", b'],"messages":[3]}'])
def test_what_follows_the_messages_repeated_is_read(end: bytes) -> None:
    used = scrubber()
    redact(used, b'{"messages":["a","b",3]}')
    for start in (b'{"messages":["a","b",3', b'{"messages":["a","b"', b'{"messages":["a",'):
        assert redact(used, start + end) == slowly(start + end)


def test_messages_inside_of_something_else_are_not_taken_for_the_body_s() -> None:
    used = scrubber()
    redact(used, request("a", "b", KEY))
    nested = request("a", "b", KEY, TOKEN)
    for body in (
        b'{"tools":[%b],"messages":["a"]}' % nested,
        b'{"metadata":%b,"messages":["a",%b]}' % (nested, nested),
        b"[%b]" % nested,
    ):
        assert redact(used, body) == slowly(body)


def test_two_arrays_of_messages_are_both_read() -> None:
    used = scrubber()
    body = request("a", "b", KEY)
    redact(used, body)
    for more in (b',"messages":["%b"]}' % TOKEN.encode(), b',"messages":[]}'):
        twice = body[:-1] + more
        for _ in range(2):
            assert redact(used, twice) == slowly(twice)


def test_a_conversation_forgotten_is_read_again(repeats: list[int]) -> None:
    used = scrubber()
    bodies = [request(f"{number} {KEY}", "b") for number in range(MOST_TURNS + 1)]
    for body in bodies:
        redact(used, body)
    assert redact(used, bodies[0]) == slowly(bodies[0])
    assert repeats == []
    redact(used, bodies[-1])
    assert repeats == [1]


def test_bodies_are_kept_up_to_a_limit(repeats: list[int]) -> None:
    used = scrubber(cache=40_000)
    small, large = request("s" * 4000, "b"), request("x" * 12_000, "b")
    for body in (small, small, large, large):
        redact(used, body)
    assert repeats == [1]  # the large one is too large
    for number in range(8):
        redact(used, request(f"{number}" * 4000, "b"))
    redact(used, small)
    assert repeats == [1]


@pytest.mark.parametrize("value", ["", "user{}@example.com"])
def test_what_the_ledger_noted_counts_as_bytes_held(value: str) -> None:
    tracemalloc.start()
    try:
        changes = tuple(
            Change("email", "EMAIL", number, value.format(number), f"<EMAIL_{number}>")
            for number in range(1000)
        )
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held <= Outcome(None, {}, changes).size
