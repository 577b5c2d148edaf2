from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.accumulator import Accumulator, OddUsage
from app.anthropic.usage import Usage
from tests.anthropic.answers import START_USAGE, STARTED


def usage_of(*announced: object) -> Usage | None:
    accumulator = Accumulator()
    for usage in announced:
        accumulator.announce(usage)
    return accumulator.usage


CASES: list[tuple[str, list[Any], Usage | None]] = [
    ("nothing was announced", [], None),
    ("null announces nothing", [None, {"input_tokens": None}, {}], None),
    ("the start stands alone", [START_USAGE], STARTED),
    ("zero is an announcement", [{"input_tokens": 0}], Usage()),
    (
        "the last value stands, not the sum",
        [{"input_tokens": 5, "output_tokens": 1}, {"output_tokens": 7}, {"output_tokens": 9}],
        Usage(input=5, output=9),
    ),
    (
        "null does not take back",
        [{"input_tokens": 5, "output_tokens": 1, "speed": "fast"}, {"input_tokens": None}],
        Usage(input=5, output=1, speed="fast"),
    ),
    (
        "a later zero takes back neither input nor cache tokens",
        [
            {
                "input_tokens": 900,
                "cache_read_input_tokens": 4_000,
                "cache_creation_input_tokens": 70,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 0,
                    "ephemeral_1h_input_tokens": 70,
                },
                "output_tokens": 1,
            },
            {
                "input_tokens": 0,
                "cache_read_input_tokens": 0,
                "cache_creation_input_tokens": 0,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 0,
                    "ephemeral_1h_input_tokens": 0,
                },
                "output_tokens": 12,
            },
        ],
        Usage(input=900, cache_read=4_000, cache_write_1h=70, output=12),
    ),
    (
        "a later zero takes back output: the last word counts",
        [{"output_tokens": 5, "input_tokens": 3}, {"output_tokens": 0}],
        Usage(input=3, output=0),
    ),
    (
        "thinking is never more than the output",
        [{"output_tokens": 5, "output_tokens_details": {"thinking_tokens": 9}}],
        Usage(output=5, thinking=5),
    ),
    (
        "a smaller value stands too",
        [{"input_tokens": 5, "output_tokens": 8}, {"input_tokens": 4}],
        Usage(input=4, output=8),
    ),
    (
        "cache writes without a split last 5 minutes",
        [{"input_tokens": 1, "cache_creation_input_tokens": 70}],
        Usage(input=1, cache_write_5m=70),
    ),
    (
        "a split without a total is taken as it is",
        [{"input_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": 30}}],
        Usage(input=1, cache_write_1h=30),
    ),
    (
        "the split of the start holds for a later total",
        [
            {
                "input_tokens": 1,
                "cache_creation_input_tokens": 100,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 60,
                    "ephemeral_1h_input_tokens": 40,
                },
            },
            {"cache_creation_input_tokens": 150},
        ],
        Usage(input=1, cache_write_5m=110, cache_write_1h=40),
    ),
    (
        "a split never exceeds the total",
        [
            {
                "input_tokens": 1,
                "cache_creation_input_tokens": 10,
                "cache_creation": {"ephemeral_1h_input_tokens": 40},
            }
        ],
        Usage(input=1, cache_write_1h=10),
    ),
    (
        "thinking is a part of the output",
        [{"output_tokens": 50, "output_tokens_details": {"thinking_tokens": 20}}],
        Usage(output=50, thinking=20),
    ),
    (
        "server tools are counted by name, cumulatively",
        [
            {"input_tokens": 1, "server_tool_use": {"web_search_requests": 1}},
            {"server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 2}},
            {"server_tool_use": {"web_fetch_requests": None, "odd name_requests": 1}},
            {"server_tool_use": None},
        ],
        Usage(input=1, server_tools={"web_search": 3, "web_fetch": 2}),
    ),
    (
        "compactions are in no total, so they are added, once",
        [
            {"input_tokens": 1, "output_tokens": 2},
            {
                "output_tokens": 5,
                "iterations": [
                    {
                        "type": "compaction",
                        "input_tokens": 100,
                        "output_tokens": 10,
                        "cache_creation_input_tokens": 30,
                        "cache_creation": {"ephemeral_1h_input_tokens": 20},
                    },
                    {"type": "message", "input_tokens": 1, "output_tokens": 5},
                    {"type": "advisor_message", "input_tokens": 1, "output_tokens": 5},
                ],
            },
            {
                "output_tokens": 6,
                "iterations": [
                    {"type": "compaction", "input_tokens": 100, "output_tokens": 10},
                    {"type": "compaction", "cache_read_input_tokens": 7, "output_tokens": 1},
                    {"type": "message"},
                ],
            },
            {"output_tokens": 8, "iterations": None},
        ],
        Usage(input=101, output=19, cache_read=7),
    ),
    (
        "what is unknown is passed over",
        [{"input_tokens": 1, "new": {"deep": []}, "iterations": "odd", "service_tier": 7}],
        Usage(input=1),
    ),
]


@pytest.mark.parametrize(
    ("announced", "usage"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_usage_adds_up_by_the_rules(announced: list[Any], usage: Usage | None) -> None:
    assert usage_of(*announced) == usage


ODD: list[Any] = [
    7,
    [],
    "usage",
    {"input_tokens": "7"},
    {"input_tokens": 7.0},
    {"input_tokens": True},
    {"input_tokens": -1},
    {"input_tokens": 2**53 + 1},
    {"output_tokens": {}},
    {"cache_creation": 7},
    {"cache_creation": {"ephemeral_5m_input_tokens": "x"}},
    {"server_tool_use": {"web_search_requests": -1}},
    {"iterations": [{"type": "compaction", "input_tokens": None, "output_tokens": 0.5}]},
]


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_an_odd_announcement_is_refused_and_changes_nothing(odd: Any) -> None:
    accumulator = Accumulator()
    accumulator.announce(START_USAGE)
    with pytest.raises(OddUsage):
        accumulator.announce(odd)
    if isinstance(odd, dict):
        with pytest.raises(OddUsage):
            accumulator.announce({"cache_read_input_tokens": 99, "speed": "fast"} | odd)
    assert accumulator.usage == STARTED


def test_the_kinds_of_server_tools_are_bounded() -> None:
    tools = {f"tool_{chr(97 + n)}_requests": n for n in range(26)}
    usage = usage_of({"input_tokens": 1, "server_tool_use": tools})
    assert usage is not None
    assert len(usage.server_tools) == 8


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*START_USAGE, "iterations", "type"]), inner)
    ),
)


@given(st.lists(JSON, max_size=4))
def test_any_json_is_taken_in_or_refused(values: list[object]) -> None:
    accumulator = Accumulator()
    for value in values:
        before = accumulator.usage
        try:
            accumulator.announce(value)
        except OddUsage:
            assert accumulator.usage == before
