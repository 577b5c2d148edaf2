"""The ledger of a proxy that serves: its rows are what the metrics count, and outlast it."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from app.anthropic.token_types import COUNTED
from app.application import create_app
from app.certificates import Certificate
from app.ledger import queries, writer
from app.ledger.file import ledger_file
from app.ledger.reader import reading
from app.ledger.rows import NANO
from app.proxy import backlog
from app.settings import Settings
from app.telemetry import recorder
from app.telemetry.recorder import Telemetry
from app.telemetry.sampling.samples import Samples
from simulator import Simulator, Step
from tests.ledger.ledgers import ask
from tests.proxy_process import Process, running
from tests.proxying import MESSAGE, STREAM, proxying, until

PROMPT = "a made-up prompt"
HEADERS = {
    "x-claude-code-session-id": "session-1",
    "x-claude-code-agent-id": "agent-1",
    "x-claude-code-prompt-id": "prompt-1",
    "x-claude-code-request-class": "subagent",
    "x-api-key": "sk-ant-fake-0000",
}
STEPS = (
    Step(text="one"),
    Step(deltas=("a", "b", "c")),
    Step(status=400),
    Step(fault="error_event"),
)


def _files(directory: Path) -> list[Path]:
    return list(directory.iterdir())


def _rows(path: Path) -> int:
    try:
        ((count,),) = ask(path, "SELECT count(*) FROM exchanges")
    except sqlite3.OperationalError:  # it is being set up
        return 0
    return int(count)


def _written(telemetry: Telemetry) -> float:
    return Samples(telemetry.collect()).by("ledger_rows_total", "result")["written"]


def _body(template: dict[str, Any]) -> dict[str, Any]:
    return template | {"messages": [{"role": "user", "content": PROMPT}]}


async def test_the_rows_add_up_to_what_prometheus_gets(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    upstream.script(*STEPS)
    async with proxying(upstream.url, certificate, state_dir=tmp_path) as proxy:
        async with proxy.client() as client:
            for template in (MESSAGE, STREAM, MESSAGE, STREAM):
                await client.post("/v1/messages", json=_body(template), headers=HEADERS)
            await client.get("/v1/models")
        await proxy.ended(5)
        telemetry = proxy.application.telemetry
        await until(lambda: _written(telemetry) == 5)
        counted = Samples(telemetry.collect())
    with reading(ledger_file(tmp_path)) as reader:
        (day,) = queries.by_day(reader, 0)
        sessions = queries.by_session(reader, 0)
    assert day.totals.requests == counted.total("requests_total") == 5
    assert day.totals.failed == counted.total("errors_total") == 2
    for kind in COUNTED:
        assert day.totals.tokens[kind] == counted.by("tokens_total", "type")[kind], kind
    assert sum(day.totals.tokens.values()) > 0
    assert day.totals.cost / NANO == pytest.approx(counted.total("cost_usd_total"), abs=1e-8)
    assert [(group.key, group.totals.requests) for group in sessions] == [
        (None, 1),
        ("session-1", 4),
    ]
    everything = b"".join(file.read_bytes() for file in _files(tmp_path))
    for secret in (PROMPT, HEADERS["x-api-key"]):
        assert secret.encode() not in everything


async def test_labels_that_are_allowed_are_kept_and_none_is_forwarded(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    labels = {"x-anthropic-proxy-labels": "repo=acme/widgets,team=a,secret=b"}
    for allowed in ("repo,team", ""):
        async with (
            proxying(upstream.url, certificate, state_dir=tmp_path, labels=allowed) as proxy,
            proxy.client() as client,
        ):
            await client.post("/v1/messages", json=MESSAGE, headers=labels)
            await proxy.ended()
    assert ask(ledger_file(tmp_path), "SELECT labels FROM requests ORDER BY id") == [
        ("repo=acme/widgets,team=a",),
        (None,),
    ]
    for received in upstream.received:
        assert not [name for name, _ in received.headers if b"proxy" in name]


async def test_a_restart_goes_on_with_the_same_ledger(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    for _ in range(2):
        async with (
            proxying(upstream.url, certificate, state_dir=tmp_path) as proxy,
            proxy.client() as client,
        ):
            await client.post("/v1/messages", json=MESSAGE, headers=HEADERS)
            await proxy.ended()
    path = ledger_file(tmp_path)
    assert (
        ask(path, "SELECT session, agent, prompt, request_class FROM requests")
        == [("session-1", "agent-1", "prompt-1", "subagent")] * 2
    )
    assert _files(tmp_path) == [path]


@pytest.mark.slow
async def test_a_kill_costs_the_last_rows_only(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    assert writer.DELAY + backlog.DELAY < 0.75  # of the second that is promised
    path = ledger_file(tmp_path)
    answered: dict[int, list[str]] = {number: [] for number in range(4)}

    async def work(proxy: Process, number: int) -> None:
        async with proxy.client() as client:
            while True:
                session = f"session-{number}-{len(answered[number])}"
                headers = HEADERS | {"x-claude-code-session-id": session}
                await client.post("/v1/messages", json=MESSAGE, headers=headers)
                answered[number].append(session)

    async with running(upstream, certificate, state_dir=tmp_path) as proxy:
        await proxy.started()
        working = [asyncio.create_task(work(proxy, number)) for number in answered]
        await until(lambda: path.exists() and _rows(path) > 40)
        proxy.process.kill()
        await proxy.process.wait()
        await asyncio.gather(*working, return_exceptions=True)
    async with running(upstream, certificate, state_dir=tmp_path) as proxy:
        await proxy.started()
        async with proxy.pages() as client:
            found = (await client.get("/ledger/sessions?limit=500")).json()["sessions"]
    kept = {one["session"] for one in found}
    for sessions in answered.values():
        count = len(kept.intersection(sessions))
        assert kept.issuperset(sessions[:count])
    assert sum(one["requests"] for one in found) == len(found) == _rows(path)


def test_what_a_demo_makes_up_is_kept_apart(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, state_dir=tmp_path)  # type: ignore[call-arg]
    for simulated, name in ((False, "ledger.sqlite"), (True, "ledger.demo.sqlite")):
        application = create_app(settings, simulated=simulated)
        application.telemetry.open()
        application.telemetry.close()
        assert name in {file.name for file in tmp_path.iterdir()}
        (tmp_path / name).unlink()
    assert _files(tmp_path) == []


@pytest.mark.parametrize("budgets", ["", "day:30"])
async def test_the_file_waits_for_the_first_requests_unless_budgets_read_it(
    tmp_path: Path, budgets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "QUIET", 60.0)
    settings = Settings(_env_file=None, state_dir=tmp_path, budgets=budgets)  # type: ignore[call-arg]
    application = create_app(settings)
    application.telemetry.open()
    if budgets:
        await until((tmp_path / "ledger.sqlite").exists)
    else:
        assert _files(tmp_path) == []
    application.telemetry.close()
    assert tmp_path / "ledger.sqlite" in _files(tmp_path)


async def test_without_the_ledger_nothing_is_kept(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    async with (
        proxying(upstream.url, certificate, state_dir=tmp_path, ledger=False) as proxy,
        proxy.client() as client,
    ):
        await client.post("/v1/messages", json=MESSAGE)
        await proxy.ended()
    assert _files(tmp_path) == []


async def test_without_a_directory_for_it_the_proxy_serves(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    async with (
        proxying(upstream.url, certificate, state_dir=tmp_path / "file" / "state") as proxy,
        proxy.client() as client,
    ):
        answer = await client.post("/v1/messages", json=MESSAGE)
        assert answer.status_code == 200
