"""Runs the comparison: all proxies side by side on one core, the load on the other, in rounds.

Every round measures every proxy, in short turns and each time another one first, so that what else
happens on the machine meets all of them: its speed can change by half from one second to the next.
"""

import asyncio
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import peers, process
from benchmarks.resting import answering, idling, resting
from benchmarks.stage import Stage, stage
from benchmarks.workloads import Figures, Target, Workload

IDLE = 6.0  # seconds
PATIENCE = 60.0  # seconds more than planned that a workload may take
WARM = 0.3  # seconds of a first, unmeasured round
SETTLING = 0.7  # seconds after a switch: the ledger's rows are written half a second late
Rounds = dict[str, dict[str, list[float]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """The proxies, workloads and rounds; ``at_rest``: starts, memory and idle CPU, too.

    ``beside`` is another source tree of this proxy, compared as one more. Names in ``switches``
    are states of one proxy, `peers.SWITCHED`, each with the signal for it.
    """

    compared: Sequence[str]
    workloads: Sequence[Workload]
    rounds: int
    at_rest: bool
    beside: Path | None = None
    switches: Mapping[str, int] = field(default_factory=dict)


async def compare(plan: Plan, on: Stage) -> Rounds:
    """Measure everything; the values of each figure by proxy, one a round."""
    found: Rounds = defaultdict(lambda: defaultdict(list))
    with ExitStack() as stack:
        targets = await _targets(plan, on, stack)
        for workload in plan.workloads:
            for target in targets:
                await _run(workload, target, WARM)
        began = time.monotonic()
        for number in range(plan.rounds):
            for workload in plan.workloads:
                seconds = workload.seconds / (2 if plan.rounds == 1 else 1)
                for name, figures in (await one_round(workload, targets, seconds, number)).items():
                    _note(found, name, figures)
                _tell(f"round {number + 1} of {plan.rounds}, {workload.name}", began)
        if plan.at_rest:
            proxies = {each.name: each.process for each in targets if each.name != peers.DIRECT}
            for name, figures in (await idling(proxies, IDLE)).items():
                _note(found, name, figures)
    if plan.at_rest:
        await _starts(plan, on, found)
    return {key: dict(values) for key, values in found.items()}


async def one_round(
    workload: Workload, targets: list[Target], seconds: float, number: int
) -> dict[str, Figures]:
    """Measure every proxy in the turns of a workload; return the medians of each one's turns."""
    turns: dict[str, list[Figures]] = defaultdict(list)
    for turn in range(workload.turns):
        for target in _turned(targets, number + turn):
            turns[target.name].append(await _run(workload, target, seconds / workload.turns))
    return {name: _medians(each) for name, each in turns.items()}


def _medians(turns: list[Figures]) -> Figures:
    return {key: statistics.median(figures[key] for figures in turns) for key in turns[0]}


async def _run(workload: Workload, target: Target, seconds: float) -> Figures:
    if target.switch is not None:
        target.process.child.send_signal(target.switch)
        await asyncio.sleep(SETTLING)
    try:
        async with asyncio.timeout(PATIENCE + seconds):
            return await workload.run(target, seconds)
    except (OSError, AssertionError) as exc:
        exc.add_note(f"{workload.name} through {target.name}")
        raise


async def _targets(plan: Plan, on: Stage, stack: ExitStack) -> list[Target]:
    targets, switched = [], None
    for name in plan.compared:
        if name == peers.DIRECT:
            targets.append(Target(name, on.upstream_port, on.upstream, on.trusted))
        elif name in plan.switches:
            switched = switched or await _target(peers.SWITCHED, plan, on, stack)
            targets.append(replace(switched, name=name, switch=plan.switches[name], pace={}))
        else:
            targets.append(await _target(name, plan, on, stack))
    return targets


async def _target(name: str, plan: Plan, on: Stage, stack: ExitStack) -> Target:
    """Start a proxy."""
    command, port = on.command(name, plan.beside)
    started = process.running(command, on.cores.proxy, log=on.log)
    target = Target(name, port, stack.enter_context(started), on.trusted)
    try:
        await answering(port, on.trusted)
    except TimeoutError:
        sys.exit(f"{name} did not start:\n{on.log.read_text()[-2000:]}")
    return target


async def _starts(plan: Plan, on: Stage, found: Rounds) -> None:
    began = time.monotonic()
    for number in range(min(plan.rounds, 3)):
        for name in plan.compared:
            if name != peers.DIRECT:
                command, port = on.command(name, plan.beside)
                figures = await resting(command, port, on.cores.proxy, on.log, on.trusted)
                _note(found, name, figures)
        _tell(f"starts and memory, {number + 1}", began)


def _note(found: Rounds, name: str, figures: dict[str, float]) -> None:
    for key, value in figures.items():
        if name != peers.DIRECT or not key.startswith("cpu_"):  # of upstream, and the load's core
            found[key][name].append(value)


def _turned(targets: list[Target], number: int) -> list[Target]:
    start = number % len(targets)
    return targets[start:] + targets[:start]


def _tell(what: str, began: float) -> None:
    print(f"  {what} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)


def run(plan: Plan) -> Rounds:
    """Measure everything."""
    with stage() as on:
        return process.run_on(on.cores.load, compare(plan, on))
