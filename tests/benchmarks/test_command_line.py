"""The command line of the comparison."""

from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.__main__ import parser, plan_of
from benchmarks.compare import Plan
from benchmarks.stage import BESIDE
from benchmarks.workloads import WORKLOADS


@pytest.fixture(autouse=True)
def _complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "missing", list)


def _plan(*arguments: str) -> Plan:
    return plan_of(parser().parse_args(arguments))


def test_all_is_measured_unless_less_is_asked_for() -> None:
    plan = _plan()
    assert list(plan.compared) == [*peers.PEERS, peers.DIRECT]
    assert list(plan.workloads) == [*WORKLOADS.values()]
    assert plan.at_rest


def test_a_part_can_be_asked_for() -> None:
    plan = _plan("--only", "paced,requests", "--peers", "ours,naive", "--rounds", "1")
    assert [workload.name for workload in plan.workloads] == ["paced", "requests"]
    assert (list(plan.compared), plan.at_rest, plan.rounds) == (["ours", "naive"], False, 1)


def test_another_source_tree_is_one_more_column() -> None:
    plan = _plan("--peers", "ours", "--beside", "elsewhere")
    assert (list(plan.compared), plan.beside) == (["ours", BESIDE], Path("elsewhere"))


@pytest.mark.parametrize(
    "arguments", [("--only", "nothing"), ("--peers", "ours,apache"), ("--rounds", "0")]
)
def test_what_does_not_exist_is_refused(arguments: tuple[str, str]) -> None:
    with pytest.raises(SystemExit):
        _plan(*arguments)


def test_a_program_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "missing", lambda: [peers.NGINX])
    with pytest.raises(SystemExit, match=r"not installed: nginx; leave them out with --peers"):
        _plan()
    assert _plan("--peers", "ours,naive").compared == ["ours", "naive"]
