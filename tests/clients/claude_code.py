"""The real Claude Code as tests start it (npm package, `npm ci --prefix tests/clients`)."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from simulator import Step
from tests.programs import absent

CLAUDE = Path(__file__).parent / "node_modules" / ".bin" / "claude"
DEADLINE = 240.0  # seconds that a session may take: idle it takes 2
# It says what each request is for, and sends nothing on its own account.
HINTED = {
    "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}
_NOTHING: Mapping[str, str] = {}


class Proxy(Protocol):
    """A proxy that the client can be pointed at."""

    @property
    def url(self) -> str: ...

    @property
    def ca_file(self) -> str: ...


def need_claude() -> None:
    """Without the client skip the test, or fail under CI."""
    if not os.access(CLAUDE, os.X_OK):
        absent("Claude Code is not installed: npm ci --prefix tests/clients")


async def claude(
    proxy: Proxy,
    home: Path,
    *arguments: str,
    environment: Mapping[str, str] = _NOTHING,
    code: int = 0,
) -> dict[str, Any]:
    """Run the client to its end with an empty home and a dummy key; return what it prints.

    It must exit with ``code``.
    """
    need_claude()
    process = await asyncio.create_subprocess_exec(
        str(CLAUDE),
        "--output-format",
        "json",
        *arguments,
        cwd=home,
        env={
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "ANTHROPIC_API_KEY": "fake-key-of-the-test",
            "ANTHROPIC_BASE_URL": proxy.url,
            "NODE_EXTRA_CA_CERTS": proxy.ca_file,
            **environment,
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEADLINE):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == code, (out, err)
    result: dict[str, Any] = json.loads(out)
    return result


def calling(model: str, usage: Mapping[str, int], *calls: tuple[str, Mapping[str, Any]]) -> Step:
    """Return an answer with parallel tool calls: names and inputs."""
    events: list[dict[str, Any]] = []
    message = {"id": "msg_fake", "type": "message", "role": "assistant", "model": model}
    events.append({"type": "message_start", "message": message | {"content": [], "usage": usage}})
    for index, (name, given) in enumerate(calls):
        identity = f"toolu_fake{len(calls)}_{index}"
        call = {"type": "tool_use", "id": identity, "name": name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(given)}
        events += [
            {"type": "content_block_start", "index": index, "content_block": call},
            {"type": "content_block_delta", "index": index, "delta": delta},
            {"type": "content_block_stop", "index": index},
        ]
    stop: dict[str, Any] = {"stop_reason": "tool_use", "stop_sequence": None}
    events += [
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]
    lines = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
    return Step(body=lines.encode(), headers=(("content-type", "text/event-stream"),))
