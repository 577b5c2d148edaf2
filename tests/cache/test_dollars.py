"""What a miss cost and what reading saved: the price list is asked with another usage."""

import functools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.anthropic.prices import Prices
from app.anthropic.token_types import BILLED
from app.anthropic.usage import Usage
from app.cache.dollars import miss_cost, saved

PRICES = Prices.packaged()
USAGE = Usage(
    input=50,
    output=7,
    cache_read=1000,
    cache_write_5m=200,
    cache_write_1h=30,
    thinking=3,
    server_tools={"web_search": 2},
    service_tier="batch",
    speed="fast",
    inference_geo="us",
)


class Asked:
    """A price list that remembers what it was asked for."""

    usage = Usage()

    def __call__(self, usage: Usage) -> dict[str, float]:
        """Return a price."""
        self.usage = usage
        return {"input": 1.0, "output": 2.0}


@pytest.mark.parametrize(
    ("missed", "moved"),
    [
        (20, {"cache_write_1h": 10, "cache_read": 1020}),
        (31, {"cache_write_1h": 0, "cache_write_5m": 199, "cache_read": 1031}),
        (270, {"cache_write_1h": 0, "cache_write_5m": 0, "input": 10, "cache_read": 1270}),
        (400, {"cache_write_1h": 0, "cache_write_5m": 0, "input": 0, "cache_read": 1280}),
    ],
)
def test_missed_tokens_are_priced_as_read(missed: int, moved: dict[str, Any]) -> None:
    price = Asked()
    assert miss_cost(USAGE, missed, {"input": 10.0}, price) == pytest.approx(7.0)
    assert price.usage == replace(USAGE, **moved)
    assert price.usage.prompt == USAGE.prompt


COST = {
    "input": 1.0,
    "cache_read": 0.5,
    "cache_write_5m": 0.25,
    "cache_write_1h": 2.0,
    "output": 9.0,
}


def test_what_was_saved_is_the_difference_for_the_prompt() -> None:
    assert saved(USAGE, COST, lambda _: 4.0) == pytest.approx(0.25)


@given(counts=st.tuples(*[st.integers(0, 400_000)] * 5), model=st.sampled_from([*PRICES.models]))
def test_it_is_what_the_whole_answer_would_have_cost_more(
    counts: tuple[int, ...], model: str
) -> None:
    usage = replace(USAGE, **dict(zip(BILLED, counts, strict=True)))
    plain = replace(usage, input=usage.prompt, cache_read=0, cache_write_5m=0, cache_write_1h=0)
    actual, more = PRICES.cost(usage, model), PRICES.cost(plain, model)
    assert actual is not None
    assert more is not None
    expected = sum(more.values()) - sum(actual.values())
    uncached = functools.partial(PRICES.uncached, model=model)
    assert saved(usage, actual, uncached) == pytest.approx(expected, abs=1e-9)


def test_nothing_is_known_without_a_price() -> None:
    assert miss_cost(USAGE, 5, None, Asked()) is None
    assert miss_cost(USAGE, 5, {"input": 1.0}, lambda _: None) is None
    assert saved(USAGE, None, lambda _: 1.0) is None
    assert saved(USAGE, COST, lambda _: None) is None


def test_what_was_not_missed_and_not_cached_costs_and_saves_nothing() -> None:
    assert miss_cost(USAGE, 0, None, Asked()) == 0
    assert saved(Usage(input=5, output=9), None, lambda _: 1.0) == 0
