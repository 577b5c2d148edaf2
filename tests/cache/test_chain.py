"""Which earlier request of a conversation a prompt is compared with, and where it differs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.blocks import KINDS, Blocks
from app.cache.chain import KEPT, Chain, Conversation
from app.cache.prompt import Prompt
from app.cache.verdict import Difference
from tests.cases import every_case

KEYS = range(100, 200)


def prompt(written: str) -> Prompt:
    """Return a prompt of blocks such as ``tool:a``; one that ends with ``!`` has a mark."""
    blocks = Blocks()
    for one in written.split():
        kind, _, name = one.removesuffix("!").partition(":")
        blocks.add(KINDS.index(kind), hash(name), 10, 300.0 if one.endswith("!") else None)
    return Prompt("model", blocks, ())


def chain(written: str, **more: Any) -> Chain:
    made = prompt(written)
    blocks = made.blocks
    known: dict[str, Any] = {
        "prefixes": blocks.prefixes,
        "kinds": blocks.kinds,
        "count": len(blocks.kinds),
        "length": len(blocks.kinds) if made.mark is None else made.mark.block + 1,
        "mark": made.mark,
        "entry": None,
        "key": None,
        "tokens": 0,
        "first": blocks.first,
        "last": blocks.last,
        "system": blocks.system,
        "model": "model",
        "params": (),
        "credential": 1,
        "start": 0.0,
    }
    return Chain(**known | more)


BASE = "tool:a system:b user:c assistant:d user:e!"
NAMES = st.lists(st.sampled_from("ab"), max_size=7)


@given(NAMES, NAMES, st.integers(0, 7))
def test_as_many_blocks_are_common_as_are_the_same_up_to_the_mark(
    mine: list[str], other: list[str], marked: int
) -> None:
    words = [f"user:{name}" for name in mine]
    words[marked : marked + 1] = [f"{word}!" for word in words[marked : marked + 1]]
    length = marked + 1 if marked < len(mine) else len(mine)
    common = 0
    while common < min(length, len(other)) and mine[common] == other[common]:
        common += 1
    made = chain(" ".join(words))
    assert made.length == length
    sent = prompt(" ".join(f"user:{name}" for name in other))
    assert made.common(sent) == common
    assert made.is_continued(sent) is (common == length)


@every_case(
    "written, difference",
    [
        (BASE, None),
        (f"{BASE} user:f", None),
        ("tool:x system:b user:c", Difference(0, "tool")),
        ("system:b user:c", Difference(0, "tool")),  # a tool is gone
        ("tool:a tool:x system:b", Difference(1, "tool")),  # one has come
        ("tool:a user:c", Difference(1, "system")),
        ("tool:a system:b system:x", Difference(2, "system")),
        ("tool:a system:b assistant:x", Difference(2, "assistant")),
        ("tool:a system:b other:x", Difference(2, "other")),
        ("tool:a system:b user:c user:x", Difference(3, "user")),  # the prompt's kind
        ("tool:a system:b", Difference(2, "user")),  # it ends
        ("tool:a system:b user:c assistant:d", Difference(4, "user")),
        ("", Difference(0, "tool")),
    ],
)
def test_the_first_block_that_differs_has_a_place_and_a_kind(
    written: str, difference: Difference | None
) -> None:
    assert chain(BASE).difference(prompt(written)) == difference


@every_case(
    "written, goes_on",
    [
        (f"{BASE} assistant:f user:g!", True),
        ("tool:x system:y user:c user:v user:w user:z!", True),  # longer, changed
        ("user:v user:w user:x user:z!", True),  # longer without tools and a system prompt
        ("tool:a tool:f tool:g system:b user:v user:w user:z!", False),  # more tools, no message
        ("tool:a system:b user:v user:w user:z!", False),
        ("tool:a system:b user:v user:w user:z! user:y", False),  # counted up to the mark
        ("tool:a system:b user:v user:w user:z user:y", True),
        ("tool:a system:b user:v user:e!", True),  # shorter, but the last block is in it
        (BASE, True),
    ],
)
def test_a_prompt_goes_on_if_it_is_longer_or_has_the_last_block(
    written: str, goes_on: bool
) -> None:
    assert chain(BASE).goes_on(prompt(written)) is goes_on


def test_a_prompt_goes_back_if_the_last_block_is_only_where_it_stood_before() -> None:
    made = chain("user:a user:go assistant:b user:go!")
    assert not made.goes_on(prompt("user:a user:go user:x!"))
    assert made.goes_on(prompt("user:a user:x user:go!"))


def test_a_prompt_goes_on_from_all_of_a_request_without_a_mark() -> None:
    assert chain("user:a user:b").goes_on(prompt("user:a user:b"))
    assert not chain("user:a user:b").goes_on(prompt("user:a user:c"))


@every_case(
    "written, relates",
    [
        ("tool:a user:z", True),  # the first block is the same
        ("system:x user:c", True),  # the first message
        ("system:b user:z", True),  # the system prompt
        ("system:b system:x user:z", False),
        ("user:y user:e", True),  # the last block with a mark
        ("user:y user:d", False),
        ("tool:x user:y", False),
    ],
)
def test_a_prompt_relates_to_a_request_that_it_has_anything_of(written: str, relates: bool) -> None:
    assert chain(BASE).relates_to(prompt(written)) is relates


def test_the_absence_of_a_system_prompt_is_nothing_in_common() -> None:
    assert not chain("user:a!").relates_to(prompt("user:b!"))


def conversation(*chains: Chain) -> Conversation:
    made = Conversation()
    for one in chains:
        made.add(one, None)
    return made


OLD = chain("tool:a user:b!", start=1.0)
NEW = chain("tool:a user:x!", start=2.0)
OTHER = chain("tool:y user:z!", start=3.0)


@every_case(
    "written, start, strict, previous",
    [
        ("tool:a user:b user:c", 9.0, True, OTHER),  # the latest, whatever it is
        ("tool:a user:b user:c", 9.0, False, OLD),  # continued unchanged
        ("tool:a user:n", 9.0, False, NEW),  # the latest related
        ("tool:y user:z", 9.0, False, OTHER),
        ("tool:n user:n", 9.0, False, None),  # nothing in common
        ("tool:a user:b", 2.0, True, NEW),  # those that began later are not earlier
        ("tool:a user:x", 1.9, False, OLD),
        ("tool:a user:x", 0.9, True, None),
    ],
)
def test_the_request_that_a_prompt_follows(
    written: str, start: float, strict: bool, previous: Chain | None
) -> None:
    found = conversation(OLD, NEW, OTHER).previous(prompt(written), start, strict=strict)
    assert found is previous


def test_only_the_last_requests_are_kept_and_the_keys_of_others_are_named() -> None:
    kept = Conversation()
    assert [kept.add(chain(f"user:{key}", key=key), None) for key in KEYS[:KEPT]] == [None] * KEPT
    assert kept.add(chain("user:z", key=KEYS[1]), None) == KEYS[0]
    assert kept.add(chain("user:y", key=KEYS[9]), None) is None  # another one kept has the key
    assert [one.key for one in kept.chains] == [KEYS[2], KEYS[1], KEYS[9]]
    assert conversation(*[chain("user:a")] * KEPT).add(chain("user:a", key=1), None) is None


@pytest.mark.parametrize("end", ["user:b", "user:b!"])
def test_requests_that_go_on_from_each_other_share_their_blocks(end: str) -> None:
    first, second = chain(f"user:a {end}"), chain("user:a user:b user:c!")
    made = conversation(first, second)
    assert first.prefixes is second.prefixes
    assert first.kinds is second.kinds
    assert made.blocks == 3
    assert first.difference(prompt("user:a user:b")) is None
    same = chain("user:a user:b user:c!")
    made.add(same, None)
    assert first.prefixes is second.prefixes is same.prefixes


@every_case("written", ["user:a user:x user:c", "user:a", "user:x user:b user:c", ""])
def test_requests_that_do_not_go_on_from_each_other_share_nothing(written: str) -> None:
    first, second = chain("user:a user:b"), chain(written)
    made = conversation(first, second)
    assert first.prefixes is not second.prefixes
    assert made.blocks == 2 + second.count


def test_a_request_of_one_block_shares_it() -> None:
    first, second = chain("user:a"), chain("user:a user:b")
    assert conversation(first, second).blocks == 2
    assert first.prefixes is second.prefixes


def test_a_request_without_blocks_shares_nothing() -> None:
    first, second = chain(""), chain("user:a")
    assert conversation(first, second).blocks == 1
    assert not first.prefixes


def test_the_last_template_is_kept() -> None:
    made = Conversation()
    template: Any = object()
    made.add(chain("user:a"), template)
    made.add(chain("user:a"), None)
    assert made.template is template
