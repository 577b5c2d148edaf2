"""A session of the real Claude Code with two subagents: whose requests they were, and the cost."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.certificates import Certificate
from simulator import Simulator, Step
from tests.clients.claude_code import HINTED, calling, claude
from tests.proxy_process import Process, running
from tests.proxying import DEADLINE

pytestmark = pytest.mark.external

MODEL = "claude-opus-4-8"
PROMPT = "let two agents look"
USAGE = {"input_tokens": 40, "cache_read_input_tokens": 9_000, "output_tokens": 1}
LOOKS = ("look at the notes", "look at the plans")


def _agent(look: str) -> tuple[str, dict[str, str]]:
    return "Agent", {"description": look, "prompt": look, "subagent_type": "general-purpose"}


STEPS = (
    calling(MODEL, USAGE, *map(_agent, LOOKS)),
    # Each agent reads a file first; its task is the text of its first message.
    *(
        Step(tool_use=("Read", {"file_path": "notes.txt"}), match=f'"text":"{look}')
        for look in LOOKS
    ),
)


async def test_a_session_with_two_subagents_is_a_tree_that_adds_up_and_outlasts_a_crash(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "notes.txt").write_text("made-up notes")
    upstream.script(*STEPS)
    options: dict[str, Any] = {"state_dir": tmp_path / "state"}
    async with running(upstream, certificate, **options) as proxy:
        await proxy.started()
        arguments = ("--model", MODEL, "-p", PROMPT, "--allowedTools", "Read,Agent,Task")
        result = await claude(proxy, home, *arguments, environment=HINTED)
        session = result["session_id"]
        async with asyncio.timeout(DEADLINE):
            counted = await _counted(proxy, len(upstream.received))
            requests = await _written(proxy, session, len(upstream.received))
        _adds_up(requests, counted, result)
        tree = await _get(proxy, f"/ledger/sessions/{session}/prompts")
        _is_the_tree(tree["prompts"], requests)
        proxy.process.kill()
        await proxy.process.wait()
    async with running(upstream, certificate, **options) as proxy:
        await proxy.started()
        path = f"/ledger/sessions/{session}/requests"
        assert (await _get(proxy, path))["requests"] == requests
        assert await _get(proxy, f"/ledger/sessions/{session}/prompts") == tree


def _adds_up(
    requests: list[dict[str, Any]], counted: dict[str, float], result: dict[str, Any]
) -> None:
    """Rows, Prometheus and the client itself: all have the same sums."""
    cost = sum(one["cost_usd"] for one in requests)
    assert cost == pytest.approx(counted["cost_usd_total"], abs=1e-8)
    assert cost == pytest.approx(result["total_cost_usd"], abs=1e-6)
    tokens = sum(sum(one["tokens"].values()) for one in requests)
    assert tokens == counted["tokens_total"] > 0


def _is_the_tree(prompts: list[dict[str, Any]], requests: list[dict[str, Any]]) -> None:
    """Both agents hang on the prompt that was typed, with the requests that they made."""
    first = min((one for one in requests if one["prompt"]), key=lambda one: one["id"])
    (typed,) = (one for one in prompts if one["prompt"] == first["prompt"])
    main, *agents = typed["agents"]
    assert main["agent"] is None
    assert [one["agent_type"] for one in agents] == ["general-purpose"] * 2
    assert [one["parent_agent"] for one in agents] == [None, None]
    assert [one["requests"] for one in agents] == [2, 2]
    assert len({one["agent"] for one in agents}) == 2
    assert {one["request_class"] for one in requests if one["agent"]} == {"subagent"}
    assert sum(one["requests"] for one in prompts) == len(requests)


async def _counted(proxy: Process, requests: int) -> dict[str, float]:
    """Return the sums of Prometheus' counters, once that many requests have ended."""
    sums: dict[str, float] = {}
    async with proxy.pages() as client:
        while sums.get("requests_total") != requests:
            sums = {}
            text = (await client.get("/prometheus")).text
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    name = sample.name.removeprefix("anthropic_proxy_")
                    sums[name] = sums.get(name, 0.0) + sample.value
    return sums


async def _written(proxy: Process, session: str, count: int) -> list[dict[str, Any]]:
    """Return the requests of a session, once the ledger has that many."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        found = (await _get(proxy, f"/ledger/sessions/{session}/requests")).get("requests", [])
    return found


async def _get(proxy: Process, path: str) -> Any:
    async with proxy.pages() as client:
        answer = await client.get(path)
    return answer.json() if answer.status_code == 200 else {}
