"""The benchmarks' own upstream, client and measurements fit together."""

import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.tls import trusting
from benchmarks import peers
from benchmarks.figures import FIGURES
from benchmarks.process import Command, running
from benchmarks.raw_work import message, streamed
from benchmarks.stage import BESIDE, Stage, stage
from benchmarks.workloads import WORKLOADS, Target, Workload


@pytest.fixture(scope="module")
def on() -> Iterator[Stage]:
    with stage() as started:
        yield started


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=lambda workload: workload.name)
async def test_a_workload_gives_the_figures_that_it_names(workload: Workload, on: Stage) -> None:
    direct = Target(peers.DIRECT, on.upstream_port, on.upstream, on.trusted)
    figures = await workload.run(direct, 0.01)
    assert set(workload.keys) <= set(figures)
    assert all(value > 0 for value in figures.values())


def test_the_workloads_name_every_figure_that_needs_load() -> None:
    named = {key for workload in WORKLOADS.values() for key in workload.keys}
    at_rest = {"rss_idle_mb", "rss_200_mb", "ready_s", "idle_cpu_percent"}
    assert named | at_rest == {figure.key for figure in FIGURES}


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
async def test_upstream_answers_alike_over_both_protocols(http2: bool, on: Stage) -> None:
    url = f"https://localhost:{on.upstream_port}"
    trusted = trusting(on.certificate.ca_file or "")  # httpx says in it what it asks for
    async with httpx.AsyncClient(verify=trusted, http2=http2, base_url=url) as client:
        posted = await client.post("/v1/messages", content=b"123", headers={"x-work": "/post"})
        unpaced = await client.post("/unpaced?25", content=b"{}")
    assert posted.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert posted.content == message(3, 0x884863D2, 2048)  # CRC-32 of 123
    assert unpaced.content == streamed(25)


async def test_a_certificate_of_somebody_else_is_refused(on: Stage) -> None:
    direct = Target(peers.DIRECT, on.upstream_port, on.upstream, ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        await direct.connect(1)


def test_another_source_tree_is_run_with_the_same_settings(on: Stage) -> None:
    ours, _ = on.command(peers.OURS)
    beside, _ = on.command(BESIDE, peers.ROOT / "tests")
    different = {
        name
        for name, value in ours.environment.items()
        if beside.environment[name] != value and not name.endswith(("PORT", "STATE_DIR"))
    }
    assert different == {"PYTHONPATH"}
    assert beside.arguments == ours.arguments


def test_a_process_has_used_time_and_memory(on: Stage) -> None:
    assert 0 < on.upstream.cpu < 60
    assert 5 < on.upstream.resident < 1000


def test_the_time_of_a_process_is_that_of_its_children_too(tmp_path: Path) -> None:
    busy = "sum(range(10**7)); print('done', flush=True); input()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"
    command = Command((sys.executable, "-c", parent), tmp_path)
    with running(command, None) as started:
        assert started.line() == "done"
        whole = started.cpu
        assert whole > time.clock_gettime(~started.child.pid << 3 | 2)
        started.child.communicate(b"\n")
