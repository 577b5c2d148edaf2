"""The real Claude Code through a scrubbing proxy: secrets stay here, and the work gets done."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from app.certificates import Certificate
from simulator import Received, Simulator, Step
from tests.clients.claude_code import claude
from tests.proxying import proxying

pytestmark = pytest.mark.external

KEY = "sk-ant-api03-" + "FAKEfake" * 6
TOKEN = "ghp_" + "Fake0123" * 5
ENV = f"ANTHROPIC_API_KEY={KEY}\nGITHUB_TOKEN={TOKEN}\nOWNER=jane.doe@example.com\n"
SECRETS = (KEY, TOKEN, "jane.doe@example.com")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project whose .env holds fake secrets."""
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / ".env").write_text(ENV)
    return directory


def _turns(upstream: Simulator, prompt: bytes) -> list[Received]:
    """Return the requests of the session itself, oldest first."""
    return [
        received
        for received in upstream.received
        if received.path == b"/v1/messages" and prompt in received.body and _tools(received)
    ]


def _tools(received: Received) -> Any:
    return json.loads(received.body).get("tools")


async def test_a_secret_is_read_and_written_without_leaving_the_machine(
    upstream: Simulator, certificate: Certificate, project: Path
) -> None:
    copy = project / "copy.env"
    upstream.script(
        Step(tool_use=("Read", {"file_path": str(project / ".env")}), match="copy the settings"),
        Step(
            tool_use=(
                "Write",
                {
                    "file_path": str(copy),
                    "content": "KEY=<ANTHROPIC_KEY_1>\nTOKEN=<GITHUB_TOKEN_1>\n",
                },
            ),
            match="copy the settings",
        ),
        Step(text="The key is <ANTHROPIC_KEY_1>.", match="copy the settings"),
    )
    scrubbing: dict[str, Any] = {"scrub_mode": "pseudonymize", "scrub_hmac_key": "0f" * 32}
    async with proxying(upstream.url, certificate, **scrubbing) as proxy:
        result = await claude(
            proxy, project, "-p", "copy the settings", "--allowedTools", "Read,Write"
        )
        exchanges = list(await proxy.quiet())
    assert copy.read_text() == f"KEY={KEY}\nTOKEN={TOKEN}\n"
    assert result["result"] == f"The key is {KEY}."
    sent = b"".join(received.body for received in upstream.received)
    assert not [secret for secret in SECRETS if secret.encode() in sent]
    assert b"<ANTHROPIC_KEY_1>" in sent
    assert any(exchange.modified for exchange in exchanges)
    assert sum(exchange.restored.get("anthropic_key", 0) for exchange in exchanges) >= 2


async def test_each_turn_upstream_begins_with_the_turn_before(
    upstream: Simulator, certificate: Certificate, project: Path
) -> None:
    read = Step(tool_use=("Read", {"file_path": str(project / ".env")}), match="read it twice")
    upstream.script(read, read, Step(text="done", match="read it twice"))
    scrubbing: dict[str, Any] = {"scrub_mode": "pseudonymize", "scrub_hmac_key": "0f" * 32}
    async with proxying(upstream.url, certificate, **scrubbing) as proxy:
        await claude(proxy, project, "-p", "read it twice", "--allowedTools", "Read")
    turns = [json.loads(received.body) for received in _turns(upstream, b"read it twice")]
    assert len(turns) == 3
    for earlier, later in itertools.pairwise(turns):
        assert later["tools"] == earlier["tools"]
        assert later["system"] == earlier["system"]
        kept = [_uncached(message) for message in later["messages"][: len(earlier["messages"])]]
        assert kept == [_uncached(message) for message in earlier["messages"]]


def _uncached(value: Any) -> Any:
    """Return a value without the cache breakpoints, which Claude Code itself moves on.

    A text without one is a plain string, with one a block: they are the same to the API.
    """
    if isinstance(value, dict):
        plain = {name: _uncached(one) for name, one in value.items() if name != "cache_control"}
        return plain["text"] if set(plain) == {"type", "text"} else plain
    if isinstance(value, list):
        blocks = [_uncached(one) for one in value]
        return blocks[0] if len(blocks) == 1 else blocks
    return value
