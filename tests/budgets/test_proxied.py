"""Budgets of a proxy that serves: sums, refusals, announcements, restarts."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from app.budgets import watch, webhook
from app.certificates import Certificate
from simulator import Simulator, Step
from simulator.usage import Usage
from tests.ledger.clusters import Cluster
from tests.proxying import MESSAGE, STREAM, Running, proxying, until
from tests.telemetry.exchanges import exposition, value

SECRET = "T-fake-secret-path"
ASKED = MESSAGE | {"model": "claude-opus-4-5"}
BUDGETS = "day:10,session:4,label.team=a:2"


@pytest.fixture(autouse=True)
def lines() -> Iterator[list[Any]]:
    with capture_logs() as kept:
        yield kept


class Receiver:
    """A webhook's server on loopback. ``statuses`` are its next answers, 200 afterwards."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.requests = 0
        self.statuses: list[int] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("ascii").lower().split("\r\n")
        length = next(int(one.split(":")[1]) for one in lines if one.startswith("content-length"))
        body = json.loads(await reader.readexactly(length))
        self.requests += 1
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.texts.append(body["text"])
        writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
        await writer.drain()
        writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    one = Receiver()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/{SECRET}"
    async with server:
        yield one


@asynccontextmanager
async def _proxy(
    upstream: Simulator, certificate: Certificate, state: Path, **settings: Any
) -> AsyncIterator[Running]:
    chosen: dict[str, Any] = {"budgets": BUDGETS, "labels": "team", "state_dir": state} | settings
    async with proxying(upstream.url, certificate, **chosen) as proxy:
        yield proxy


def _cost(upstream: Simulator, dollars: float) -> None:
    """Let the next answer cost so much, at $25 per million output tokens."""
    upstream.script(Step(usage=Usage(output=round(dollars * 40_000)), text="a made-up answer"))


async def _ask(proxy: Running, session: str = "s1", team: str = "b", **more: Any) -> httpx.Response:
    fields = {"x-claude-code-session-id": session, "x-anthropic-proxy-labels": f"team={team}"}
    async with proxy.client() as client:
        return await client.request(
            **{"method": "POST", "url": "/v1/messages", "json": ASKED, "headers": fields} | more
        )


async def _document(proxy: Running) -> Any:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{proxy.pages_url}/metrics")).json()


def _announced(proxy: Running, budget: str, threshold: int) -> float | None:
    telemetry = proxy.application.telemetry
    name = "budget_announcements_total"
    return value(telemetry, name, budget=budget, threshold=str(threshold))


async def _written(proxy: Running, rows: int) -> None:
    telemetry = proxy.application.telemetry
    await until(lambda: value(telemetry, "ledger_rows_total", result="written") == rows)


async def test_over_a_budget_new_requests_are_refused_in_the_gateways_form(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    async with _proxy(upstream, certificate, tmp_path, budget_enforce=True) as proxy:
        _cost(upstream, 2.5)
        assert (await _ask(proxy, "s1", "a")).status_code == 200
        refused = await _ask(proxy, "s2", "a")
        assert refused.status_code == 429
        assert refused.headers["x-should-retry"] == "false"
        assert refused.headers["x-anthropic-proxy-error"] == "budget"
        assert 1 <= int(refused.headers["retry-after"]) <= 25 * 3_600
        error = refused.json()["error"]
        assert refused.json() == {"type": "error", "error": error}
        assert error["type"] == "billing_error"
        assert error["message"].startswith("spend limit reached · resets at 00:00")
        assert "team=a today is used up ($2.50 of $2.00 at list price)" in error["message"]
        assert (await _ask(proxy, "s2", "b")).status_code == 200
        refusals = "budget_refused_requests_total"
        assert value(proxy.application.telemetry, refusals, budget="label.team=a") == 1


@pytest.mark.slow
async def test_a_session_over_its_budget_does_not_stop_others(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    async with _proxy(upstream, certificate, tmp_path, budget_enforce=True) as proxy:
        _cost(upstream, 4)
        await _ask(proxy, "s1")
        refused = await _ask(proxy, "s1")
        assert "start a new session" in refused.json()["error"]["message"]
        assert refused.headers["retry-after"] == "86400"
        assert (await _ask(proxy, "s2")).status_code == 200


@pytest.mark.slow
async def test_free_routes_are_never_refused(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    async with _proxy(upstream, certificate, tmp_path, budget_enforce=True) as proxy:
        _cost(upstream, 11)
        await _ask(proxy)
        assert (await _ask(proxy)).status_code == 429
        for method, url in (
            ("POST", "/v1/messages/count_tokens"),
            ("GET", "/v1/models"),
            ("HEAD", "/"),
        ):
            assert (await _ask(proxy, method=method, url=url)).status_code == 200


@pytest.mark.slow
async def test_running_streams_go_on(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    async with _proxy(upstream, certificate, tmp_path, budget_enforce=True) as proxy:
        upstream.script(Step(text="the answer " * 20, gap=0.01))
        headers = {"x-claude-code-session-id": "s1"}
        async with (
            proxy.client() as client,
            client.stream("POST", "/v1/messages", json=STREAM, headers=headers) as running,
        ):
            _cost(upstream, 11)
            await _ask(proxy)
            assert (await _ask(proxy)).status_code == 429
            assert (await running.aread()).endswith(b'{"type":"message_stop"}\n\n')


async def test_without_enforcement_nothing_is_refused_and_all_is_told(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    async with _proxy(upstream, certificate, tmp_path) as proxy:
        _cost(upstream, 11)
        await _ask(proxy)
        assert (await _ask(proxy)).status_code == 200
        document = await _document(proxy)
    (alert,) = document["alerts"]
    assert (alert["kind"], alert["severity"]) == ("budget", "error")
    assert "110% of the budget for today is used: $11.00 of $10.00." in alert["message"]
    day, session, label = document["budgets"]
    assert (day["budget"], day["over"]) == ("day", {"50": 1, "80": 1, "100": 1})
    assert (session["budget"], session["spent"] >= 11) == ("session", True)
    assert (label["budget"], label["spent"]) == ("label.team=a", 0)


@pytest.mark.slow
async def test_each_threshold_is_told_once_also_after_a_restart(
    upstream: Simulator, certificate: Certificate, tmp_path: Path, receiver: Receiver
) -> None:
    settings = {"budgets": "day:10", "budget_webhook": receiver.url}
    async with _proxy(upstream, certificate, tmp_path, **settings) as proxy:
        _cost(upstream, 5)
        await _ask(proxy)
        await until(lambda: len(receiver.texts) == 1)
        await _written(proxy, 1)
    async with _proxy(upstream, certificate, tmp_path, **settings) as proxy:
        await until(
            lambda: value(proxy.application.telemetry, "budget_spent_usd", budget="day") == 5
        )
        _cost(upstream, 3)
        await _ask(proxy)
        await until(lambda: len(receiver.texts) == 2)
        assert _announced(proxy, "day", 50) == 0
        assert _announced(proxy, "day", 80) == 1
    assert "50% of the budget for today is used: $5.00 of $10.00." in receiver.texts[0]
    assert "80% of the budget for today is used: $8.00 of $10.00." in receiver.texts[1]


async def _assert_spent_is_known(proxy: Running) -> None:
    """Wait until a proxy knows what session s1 of team a has spent; it must refuse both."""
    for name in ("day", "session", "label.team=a"):
        await until(
            lambda name=name: (  # type: ignore[misc]
                value(proxy.application.telemetry, "budget_spent_usd", budget=name) == 4.5
            )
        )
    assert (await _ask(proxy, "s1", "b")).status_code == 429
    assert (await _ask(proxy, "s2", "a")).status_code == 429
    assert (await _ask(proxy, "s2", "b")).status_code == 200


@pytest.mark.slow
async def test_a_restart_keeps_refusing(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    async with _proxy(upstream, certificate, tmp_path, budget_enforce=True) as proxy:
        _cost(upstream, 4.5)
        await _ask(proxy, "s1", "a")
        await _written(proxy, 1)
    async with _proxy(upstream, certificate, tmp_path, budget_enforce=True) as proxy:
        await _assert_spent_is_known(proxy)


@pytest.mark.slow
async def test_processes_that_share_a_ledger_share_budgets(
    upstream: Simulator,
    certificate: Certificate,
    tmp_path: Path,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "INTERVAL", 0.1)
    settings = {"budgets": "day:10", "budget_webhook": receiver.url, "budget_enforce": True}
    async with (
        _proxy(upstream, certificate, tmp_path, **settings) as one,
        _proxy(upstream, certificate, tmp_path, **settings) as other,
    ):
        for proxy in (one, other):
            _cost(upstream, 5.5)
            await _ask(proxy)
        for proxy in (one, other):
            telemetry = proxy.application.telemetry
            await until(lambda t=telemetry: value(t, "budget_spent_usd", budget="day") == 11)  # type: ignore[misc]
            assert (await _ask(proxy)).status_code == 429
        await until(lambda: len(receiver.texts) == 2)
        counts = [sum(_announced(p, "day", t) or 0 for p in (one, other)) for t in (50, 80, 100)]
    assert counts == [1, 0, 1]


@pytest.mark.external
async def test_replicas_that_share_a_database_share_budgets(
    upstream: Simulator,
    certificate: Certificate,
    tmp_path: Path,
    postgresql: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "INTERVAL", 0.1)
    settings = {"budget_enforce": True, "ledger_url": postgresql.create().url}
    async with (
        _proxy(upstream, certificate, tmp_path / "one", **settings) as one,
        _proxy(upstream, certificate, tmp_path / "other", **settings) as other,
    ):
        _cost(upstream, 4.5)
        await _ask(one, "s1", "a")
        await _assert_spent_is_known(other)


async def test_the_webhook_is_tried_again_and_its_url_is_a_secret(
    upstream: Simulator,
    certificate: Certificate,
    tmp_path: Path,
    receiver: Receiver,
    lines: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhook, "FIRST", 0.01)
    receiver.statuses = [500, 429, 503]
    settings = {"budgets": "day:10", "budget_webhook": receiver.url}
    async with _proxy(upstream, certificate, tmp_path, **settings) as proxy:
        _cost(upstream, 11)
        await _ask(proxy)
        await until(lambda: len(receiver.texts) == 1)
        assert receiver.requests == 4
        receiver.statuses = [404]
        telemetry = proxy.application.telemetry
        await until(lambda: value(telemetry, "budget_webhook_total", result="sent") == 1)
        shown = json.dumps(await _document(proxy)) + exposition(telemetry.registry)
    assert SECRET not in shown + str(lines)
