"""The real Claude Code in situations of the prompt cache: each request gets its verdict."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.cache import blocks, evidence
from app.exchange import Exchange
from simulator import Simulator, Step
from simulator.usage import Usage
from tests.clients.claude_code import HINTED, calling, claude
from tests.proxying import Running

pytestmark = [pytest.mark.external, pytest.mark.timeout(3600)]  # over twenty sessions

SERVER = Path(__file__).parent / "mcp_server.py"
OPUS, SONNET = "claude-opus-5-5", "claude-sonnet-5-5"


@dataclass(frozen=True)
class Run:
    """One start of the client: what it is told, and the verdicts on its requests in order."""

    name: str
    verdicts: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    prompt: str | None = None
    lifetime: float = 300.0  # seconds that a marked block lives


def read(path: str) -> Step:
    return Step(tool_use=("Read", {"file_path": path}))


def used(read: int, written: int) -> Step:
    """Return an answer that reads and writes so many tokens."""
    return Step(usage=Usage(input=3, cache_read=read, cache_write_5m=written, output=5))


def parallel(count: int) -> Step:
    """Return an answer with parallel tool calls."""
    usage = {"input_tokens": 3, "cache_read_input_tokens": 20_000, "output_tokens": 1}
    return calling(OPUS, usage, *[("Read", {"file_path": "notes.txt"})] * count)


LOOK = {"description": "look", "prompt": "look around", "subagent_type": "general-purpose"}
MCP = {"ENABLE_TOOL_SEARCH": "false"}

RUNS = (
    Run("a first request, and a tool's result", ("first", "hit"), (), (read("notes.txt"),)),
    Run("a session goes on", ("hit",)),
    Run("another model", ("model_changed",), ("--model", SONNET)),
    Run("the first model again", ("hit",), ("--model", OPUS)),
    Run("a system prompt that a session does not take", ("hit",), ("--system-prompt", "Be brief.")),
    Run("plan mode", ("hit",), ("--permission-mode", "plan")),
    Run("more effort", ("hit",), ("--effort", "high")),
    Run("a fork", ("hit",), ("--fork-session",)),
    Run("an hour's cache", ("hit",), environment={"ENABLE_PROMPT_CACHING_1H": "1"}),
    Run("no cache", ("uncached",), environment={"DISABLE_PROMPT_CACHING": "1"}),
    Run("a cache again", ("hit",)),
    Run(
        "twelve parallel tool calls",
        ("hit", "lookback"),
        steps=(parallel(12), used(8_000, 12_900)),
    ),
    Run("eight parallel tool calls", ("hit", "hit"), steps=(parallel(8), used(20_000, 900))),
    Run("nothing differs, nothing is read", ("upstream",), steps=(used(0, 21_000),)),
    Run("an overloaded API", ("hit",), steps=(Step(status=529), used(21_000, 50))),
    Run("before a pause", ("hit",), steps=(used(21_000, 100),), lifetime=0.1),
    Run("after a pause", ("ttl_expired",), steps=(used(0, 21_200),), lifetime=0.1),
    Run("a subagent", ("first", "hit", "hit", "hit"), steps=(Step(tool_use=("Agent", LOOK)),)),
    Run("a tool less", ("tools_changed",), ("--disallowedTools", "Bash")),
    Run("an MCP server", ("tools_changed",), ("--mcp-config", "mcp.json"), environment=MCP),
    Run("a summary", ("compaction",), prompt="/compact", environment=MCP),
)


async def test_every_request_of_a_long_session_gets_its_verdict(
    proxy: Running, upstream: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    servers = {"words": {"command": sys.executable, "args": [str(SERVER)]}}
    (home / "mcp.json").write_text(json.dumps({"mcpServers": servers}))
    found = {}
    for number, run in enumerate(RUNS):
        (home / "notes.txt").write_text(f"notes, edited {number} times " * 50)
        monkeypatch.setattr(evidence, "MARGIN", 0.0)
        monkeypatch.setattr(blocks, "SHORT_TTL", run.lifetime)
        upstream.script(*run.steps)
        before = len(proxy.exchanges)
        start = ("-p", run.prompt or f"this is turn {number}", "--allowedTools", "Read,Agent,Task")
        goes_on = ("--continue",) if number else ()
        arguments = (*start, *goes_on, *run.arguments)
        await claude(proxy, home, *arguments, environment={**HINTED, **run.environment})
        found[run.name] = verdicts((await proxy.quiet())[before:])
    assert found == {run.name: run.verdicts for run in RUNS}
    assert not [
        one for one in proxy.exchanges if one.cache and one.cache.verdict.reason == "unknown"
    ]


def verdicts(exchanges: list[Exchange]) -> tuple[str, ...]:
    """Return the verdicts, sorted: agents run side by side. One for each attempt at a summary."""
    judged = [one for one in exchanges if one.cache is not None]
    turns = [one for one in judged if one.hints.compaction is None]
    summaries = {one.cache.verdict.reason for one in judged if one.cache and one not in turns}
    return (*sorted(one.cache.verdict.reason for one in turns if one.cache), *sorted(summaries))
