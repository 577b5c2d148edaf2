"""Free memory goes back to the system once large bodies were let go."""

import platform
import subprocess
import sys

import pytest

from app.memory import COLLECTED, LARGE, Trimmer
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


FAULTS = """
import resource
from app.memory import keep_freed
keep_freed() if KEEP else None
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    bodies = [b"x" * 2_000_000, b"x" * 2_000_000, b"x" * 2_000_000]
    del bodies
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it concerns glibc only")
def test_memory_that_was_let_go_is_used_again() -> None:
    kept, given_back = (
        int(subprocess.check_output([sys.executable, "-c", FAULTS.replace("KEEP", keep)]))
        for keep in ("True", "False")
    )
    assert kept < given_back / 5


def test_all_is_collected_once_in_a_while() -> None:
    collections: list[None] = []
    trimmer = Trimmer(HoldBudget(LARGE), lambda: None, lambda: collections.append(None))
    for _ in range(2 * COLLECTED - 1):
        trimmer.look()
    assert collections == [None]
    trimmer.look()
    assert collections == [None, None]
