"""Of many cases in one test each is run, and each that fails is reported."""

import asyncio
import inspect

import pytest

from tests.cases import every_case


def test_each_case_is_run_and_all_failures_are_reported_together() -> None:
    seen = []

    @every_case("number", range(4))
    @every_case("letter, code", [("a", 1), ("b", 2)])
    def test(number: int, letter: str, code: int, place: str) -> None:
        seen.append((number, letter, code, place))
        assert (number, letter) != (1, "b")
        if (number, letter) == (3, "a"):
            pytest.fail("as well")

    with pytest.raises(BaseExceptionGroup, match="2 of 4 cases failed") as raised:
        test(place="here")
    assert len(seen) == 8
    assert seen[-1] == (3, "b", 2, "here")
    assert [one.__notes__ for one in raised.value.exceptions] == [["case: 1"], ["case: 3"]]
    assert list(inspect.signature(test).parameters) == ["place"]


def test_cases_that_look_alike_are_all_run() -> None:
    seen = []

    @every_case("text", ["a" * 300 + end for end in "bcd"])
    def test(text: str) -> None:
        seen.append(text[-1])

    test()
    assert seen == ["b", "c", "d"]


def test_a_test_without_cases_is_refused() -> None:
    with pytest.raises(AssertionError, match="no case"):
        every_case("number", [])


async def test_the_cases_of_a_coroutine_follow_one_another() -> None:
    seen = []

    @every_case("number", range(3))
    async def test(number: int, place: str) -> None:
        seen.append((number, place))
        await asyncio.sleep(0)
        assert number != 1
        seen.append((number, "end"))

    with pytest.raises(BaseExceptionGroup, match="1 of 3 cases failed"):
        await test(place="here")
    assert seen == [(0, "here"), (0, "end"), (1, "here"), (2, "here"), (2, "end")]
