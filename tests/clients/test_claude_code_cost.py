"""What the real Claude Code says that a session cost, and what the proxy counted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.ledger import views
from app.ledger.file import ledger_file
from app.ledger.reader import reading
from app.settings import Settings
from app.telemetry.sampling.samples import Samples
from simulator import Simulator, Step
from tests.clients.claude_code import claude
from tests.proxying import Running, until

pytestmark = pytest.mark.external

PROMPT = "count the cost of this"


def events(model: str, start: Mapping[str, Any], *deltas: Mapping[str, Any]) -> bytes:
    """Return a stream whose ``message_delta`` events announce ``deltas``, the last one ends it."""
    message: dict[str, Any] = {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"output_tokens": 1, **start},
    }
    text = {"type": "text_delta", "text": "a made-up answer"}
    ends = ["end_turn" if usage is deltas[-1] else None for usage in deltas]
    sent: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        {"type": "content_block_delta", "index": 0, "delta": text},
        {"type": "content_block_stop", "index": 0},
        *(
            {
                "type": "message_delta",
                "delta": {"stop_reason": end, "stop_sequence": None},
                "usage": usage,
            }
            for usage, end in zip(deltas, ends, strict=True)
        ),
        {"type": "message_stop"},
    ]
    lines = (f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in sent)
    return "".join(lines).encode()


def iteration(kind: str, model: str | None, **tokens: int) -> dict[str, Any]:
    named = {} if model is None else {"model": model}
    return {
        "type": kind,
        **named,
        "input_tokens": 0,
        "output_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 0,
    } | tokens


@dataclass(frozen=True)
class Case:
    """A turn: the model asked for, and the answer."""

    model: str
    answer: bytes


OPUS, SONNET = "claude-opus-4-8", "claude-sonnet-4-6"
CASES = {
    "a plain turn": Case(SONNET, events(SONNET, {"input_tokens": 1200}, {"output_tokens": 345})),
    "cache reads and writes": Case(
        OPUS,
        events(
            OPUS,
            {
                "input_tokens": 7,
                "cache_read_input_tokens": 90_000,
                "cache_creation_input_tokens": 5_000,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 5_000,
                    "ephemeral_1h_input_tokens": 0,
                },
            },
            {"output_tokens": 100},
            {"output_tokens": 700},
        ),
    ),
    "a one-hour cache": Case(
        OPUS,
        events(
            OPUS,
            {
                "input_tokens": 7,
                "cache_creation_input_tokens": 50_000,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 10_000,
                    "ephemeral_1h_input_tokens": 40_000,
                },
            },
            {"output_tokens": 70},
        ),
    ),
    "zeros in the delta": Case(
        SONNET,
        events(
            SONNET,
            {
                "input_tokens": 90_000,
                "cache_read_input_tokens": 400_000,
                "cache_creation_input_tokens": 30_000,
            },
            {
                "input_tokens": 0,
                "cache_read_input_tokens": 0,
                "cache_creation_input_tokens": 0,
                "output_tokens": 12,
            },
        ),
    ),
    "an advisor": Case(
        SONNET,
        events(
            SONNET,
            {"input_tokens": 3, "cache_read_input_tokens": 400},
            {
                "input_tokens": 7,
                "cache_read_input_tokens": 1_000,
                "output_tokens": 60,
                "iterations": [
                    iteration("message", None, input_tokens=3, output_tokens=20),
                    iteration("advisor_message", OPUS, input_tokens=200_000, output_tokens=250),
                    iteration("message", None, input_tokens=4, output_tokens=40),
                ],
            },
        ),
    ),
    "a [1m] model": Case(
        "claude-sonnet-4-6[1m]",
        events("claude-sonnet-4-6", {"input_tokens": 300_000}, {"output_tokens": 1_000}),
    ),
    "fast mode": Case(
        "claude-opus-5",
        events("claude-opus-5", {"input_tokens": 9_000, "speed": "fast"}, {"output_tokens": 1_000}),
    ),
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_cost_is_what_claude_code_says(
    proxy: Running, upstream: Simulator, home: Path, case: Case
) -> None:
    upstream.script(Step(body=case.answer, match=PROMPT))
    result = await claude(
        proxy,
        home,
        "--model",
        case.model,
        "-p",
        PROMPT,
    )
    await proxy.quiet()
    collected = Samples(proxy.application.telemetry.collect())
    assert collected.total("cost_usd_total") == pytest.approx(result["total_cost_usd"], abs=1e-9)
    await _ledger_agrees(result)


async def _ledger_agrees(result: Mapping[str, Any]) -> None:
    """Wait until the ledger has the session at the cost that Claude Code says."""
    path = ledger_file(Settings(_env_file=None).state_dir)  # type: ignore[call-arg]

    def agrees() -> bool:
        with reading(path) as reader:
            session = views.session(reader, result["session_id"])
        cost = 0.0 if session is None else session["cost_usd"]
        return bool(cost == pytest.approx(result["total_cost_usd"], abs=1e-9))

    await until(agrees)
