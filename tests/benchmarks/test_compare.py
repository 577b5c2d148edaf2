"""The proxies take short turns, so that a slow moment of the machine meets all of them."""

import ssl
from typing import cast

from benchmarks.compare import one_round
from benchmarks.process import Process
from benchmarks.workloads import Figures, Target, Workload

SECONDS, TURNS = 0.6, 3


async def test_proxies_take_turns_and_each_round_has_the_medians_of_its_turns() -> None:
    ran: list[tuple[str, float]] = []
    figures = iter([1.0, 10.0, 20.0, 5.0, 2.0, 90.0])

    async def run(target: Target, seconds: float) -> Figures:
        ran.append((target.name, seconds))
        return {"figure": next(figures)}

    targets = [
        Target(name, 0, cast("Process", None), ssl.create_default_context()) for name in ("a", "b")
    ]
    workload = Workload("fake", run, SECONDS, ("figure",), turns=TURNS)
    found = await one_round(workload, targets, SECONDS, number=0)
    assert [name for name, _ in ran] == ["a", "b", "b", "a", "a", "b"]
    assert {seconds for _, seconds in ran} == {SECONDS / TURNS}
    assert found == {"a": {"figure": 2.0}, "b": {"figure": 20.0}}
