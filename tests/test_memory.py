"""Free memory goes back to the system once large bodies were let go."""

from app.memory import LARGE, Trimmer
from app.proxy.request.hold_budget import HoldBudget


def test_the_heap_is_trimmed_once_after_most_of_a_large_amount_was_let_go() -> None:
    trims: list[None] = []
    budget = HoldBudget(4 * LARGE)
    trimmer = Trimmer(budget, lambda: trims.append(None))
    assert budget.take(LARGE)
    trimmer.look()
    budget.give(LARGE // 2)
    trimmer.look()
    assert not trims
    budget.give(LARGE // 2)
    trimmer.look()
    trimmer.look()
    assert len(trims) == 1


def test_small_bodies_are_not_worth_it() -> None:
    trims: list[None] = []
    budget = HoldBudget(4 * LARGE)
    trimmer = Trimmer(budget, lambda: trims.append(None))
    for _ in range(3):
        assert budget.take(LARGE - 1)
        budget.give(LARGE - 1)
        trimmer.look()
    assert not trims


def test_a_real_heap_can_be_trimmed() -> None:
    budget = HoldBudget(2 * LARGE)
    budget.force(LARGE)
    budget.give(LARGE)
    Trimmer(budget).look()
    assert budget.peak == 0
