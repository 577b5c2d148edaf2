"""Shares of a usage window, from answers to the pages."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from app.certificates import Certificate
from simulator import Simulator, Step
from simulator.usage import Usage
from tests.proxying import MESSAGE, Running, proxying, until
from tests.telemetry.exchanges import value

MARK = "anthropic-ratelimit-unified-5h"


async def _ask(proxy: Running, upstream: Simulator, session: str, output: int, used: float) -> None:
    stated = ((f"{MARK}-utilization", str(used)), (f"{MARK}-reset", "4000000000"))
    upstream.script(Step(text="a made-up answer", usage=Usage(output=output), headers=stated))
    headers = {"x-claude-code-session-id": session, "x-claude-code-request-class": "main"}
    async with proxy.client() as client:
        answer = await client.post("/v1/messages", json=MESSAGE, headers=headers)
    assert answer.status_code == 200


async def test_each_session_has_its_share_of_a_rise(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    async with proxying(upstream.url, certificate, state_dir=tmp_path) as proxy:
        for number, (session, output, used) in enumerate(
            (("a", 3_000, 0.10), ("b", 1_000, 0.10), ("c", 1_000, 0.14)), 1
        ):
            await _ask(proxy, upstream, session, output, used)
            await proxy.ended(number)
        telemetry = proxy.application.telemetry
        await until(lambda: value(telemetry, "ledger_rows_total", result="written") == 3)
        async with httpx.AsyncClient(base_url=proxy.pages_url) as pages:
            listed = (await pages.get("/ledger/sessions")).json()["sessions"]
            one: Any = (await pages.get("/ledger/sessions/a")).json()
            window = (await pages.get("/metrics")).json()["limits"]["windows"]["5h"]
    shares = {session["session"]: session["window_share"] for session in listed}
    assert shares == {"a": pytest.approx(0.03), "b": pytest.approx(0.01), "c": None}
    assert one["window_share"] == pytest.approx(0.03)
    assert window["shares"] == {"main": pytest.approx(0.04)}
    assert window["forecast"] is None
