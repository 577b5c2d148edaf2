"""Whose turn it is to write, without a socket."""

from hypothesis import given
from hypothesis import strategies as st

from app.http2.turns import QUANTUM, Turns


def test_large_bodies_take_turns_in_the_order_they_came() -> None:
    turns: Turns[str] = Turns()
    for name in "abc":
        turns.join(name, small=False)
    order = []
    for _ in range(7):
        order.append(turns.take())
        turns.join(order[-1], small=False)
    assert "".join(order) == "abcabca"


def test_a_small_body_goes_before_large_ones_that_came_earlier() -> None:
    turns: Turns[str] = Turns()
    turns.join("large", small=False)
    turns.join("small", small=True)
    assert [turns.take(), turns.take()] == ["small", "large"]


def test_one_that_has_left_has_no_turn() -> None:
    turns: Turns[str] = Turns()
    turns.join("gone", small=True)
    turns.join("here", small=False)
    turns.leave("gone")
    turns.leave("never came")
    assert (turns.waiting, turns.take(), turns.waiting) == (1, "here", 0)


@given(st.lists(st.integers(1, QUANTUM), min_size=1, max_size=60))
def test_no_flood_of_small_bodies_holds_a_large_one_up(sizes: list[int]) -> None:
    """Between two turns of a large body at most two quanta of small ones pass."""
    turns: Turns[int] = Turns()
    turns.join(-1, small=False)
    for number in range(len(sizes)):
        turns.join(number, small=True)
    ahead = 0
    served: list[int] = []
    while turns.waiting > 1 or not served:
        taken = turns.take()
        if taken == -1:
            ahead = 0
            turns.join(-1, small=False)
        else:
            ahead += sizes[taken]
            served.append(taken)
            turns.wrote(sizes[taken], small=True)
        assert ahead < 2 * QUANTUM
    assert served == sorted(served)
