"""The real Claude Code through the proxy (npm package, `npm ci --prefix tests/clients`)."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator, Step
from tests.clients.claude_code import claude
from tests.proxying import Running, tokens

pytestmark = pytest.mark.external


def _messages(upstream: Simulator) -> list[Any]:
    return [one for one in upstream.received if one.path == b"/v1/messages"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home directory that is empty except for some notes."""
    directory = tmp_path / "home"
    directory.mkdir()
    (directory / "notes.txt").write_text("the contents of the notes")
    return directory


async def test_a_prompt_is_answered(proxy: Running, upstream: Simulator, home: Path) -> None:
    upstream.script(Step(text="the answer of the simulator"))
    result = await claude(proxy, home, "-p", "say something")
    assert result["result"] == "the answer of the simulator"
    sent = _messages(upstream)[-1]
    assert sent.header(b"user-agent").startswith(b"claude-cli/")
    assert sent.header(b"x-api-key") == b"fake-key-of-the-test"
    assert b"say something" in sent.body


async def test_usage_is_what_upstream_announced(
    proxy: Running, upstream: Simulator, home: Path
) -> None:
    await claude(proxy, home, "-p", "count me")
    await proxy.quiet()
    announced = [tokens(one.usage) for one in _messages(upstream) if one.usage is not None]
    counted = [tokens(exchange.usage) for exchange in proxy.exchanges if exchange.usage is not None]
    assert announced
    assert sorted(map(str, counted)) == sorted(map(str, announced))
    assert all(exchange.session_id for exchange in proxy.exchanges if exchange.usage)


async def test_a_session_of_several_turns_uses_tools(
    proxy: Running, upstream: Simulator, home: Path
) -> None:
    notes = home / "notes.txt"
    upstream.script(
        Step(tool_use=("Read", {"file_path": str(notes)}), match="change the notes"),
        Step(
            tool_use=(
                "Edit",
                {
                    "file_path": str(notes),
                    "old_string": "contents",
                    "new_string": "changed contents",
                },
            )
        ),
        Step(text="done"),
    )
    result = await claude(proxy, home, "-p", "change the notes", "--allowedTools", "Read,Edit")
    assert result["result"] == "done"
    assert notes.read_text() == "the changed contents of the notes"
    turns = _messages(upstream)
    assert b"the contents of the notes" in turns[1].body


async def test_what_claude_sends_is_not_changed_by_a_byte(
    proxy: Running, upstream: Simulator, home: Path
) -> None:
    await claude(proxy, home, "-p", "hello there")
    await proxy.quiet()
    for received in _messages(upstream):
        assert len(received.body) == int(received.header(b"content-length") or b"0")
        json.loads(received.body)
    assert not any(exchange.modified for exchange in proxy.exchanges)
    sizes = sorted(exchange.bytes_in for exchange in proxy.exchanges)
    assert sizes == sorted(len(received.body) for received in upstream.received)


async def test_an_overloaded_upstream_is_hidden_from_claude(
    proxy: Running, upstream: Simulator, home: Path
) -> None:
    upstream.script(Step(status=529, times=2), Step(text="at last"))
    result = await claude(proxy, home, "-p", "try hard")
    assert result["result"] == "at last"
