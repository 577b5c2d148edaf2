"""``anthropic-proxy status``: a line about a session, from the running proxy, at once."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.certificates import Certificate
from app.cli import status
from app.ledger.file import ledger_file
from simulator import Simulator
from tests import processes
from tests.ledger.ledgers import SESSION, record, store, write
from tests.proxying import Running, proxying

ROOT = Path(__file__).parents[2]
NOW = int(time.time() * 1_000)


@pytest.fixture
async def served(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> AsyncIterator[Running]:
    """A proxy whose ledger has a session."""
    with store(ledger_file(tmp_path)) as opened:
        write(
            opened,
            [
                record(
                    started=NOW,
                    input=70_000,
                    cache_read=930_000,
                    output=9_000,
                    estimated=876,
                    cost=1_234_567_890,
                    window_5h_after=420_000,
                )
            ],
        )
    options: dict[str, Any] = {"state_dir": tmp_path, "pages_token": "fake-token"}
    async with proxying(upstream.url, certificate, **options) as running:
        yield running


async def _status(
    port: int, *arguments: str, said: str | None = None, token: str = "fake-token", **more: str
) -> tuple[int | None, str, str]:
    """Run the command as Claude Code does; return exit code, output and errors."""
    own = {
        "ANTHROPIC_PROXY_HOST": "0.0.0.0",  # noqa: S104 - what the proxy listens on
        "ANTHROPIC_PROXY_DASHBOARD_PORT": str(port),
        "ANTHROPIC_PROXY_PAGES_TOKEN": token,
    }
    done = await asyncio.to_thread(
        processes.run,
        *("-m", "app", "status", *arguments),
        cwd=ROOT,
        env=os.environ | own | more,
        said=said or "",
    )
    return done.returncode, done.stdout, done.stderr


LINE = "$1.23 · 1.00M in · 9,876 out · 93% cached"


async def test_it_says_what_the_session_of_standard_input_used(served: Running) -> None:
    said = json.dumps({"session_id": SESSION, "model": {"id": "claude-opus-5"}})
    code, out, errors = await _status(served.at.dashboard_port, said=said)
    assert (code, out, errors) == (0, f"{LINE} · 5h 42%\n", "")


async def test_a_session_can_be_named(served: Running) -> None:
    port = served.at.dashboard_port
    code, out, _ = await _status(port, "--session", SESSION, "--format", "json")
    assert code == 0
    assert json.loads(out)["session"] == SESSION
    _, unknown, _ = await _status(port, "--session", "another one")
    assert unknown == "anthropic-proxy: no requests of this session yet\n"
    _, odd, _ = await _status(port, "--session", "another/../one")
    assert odd == f"anthropic-proxy: 127.0.0.1:{port} answers 404\n"


@pytest.mark.parametrize("said", [None, "", "no JSON", "[1]", '{"session_id": 5}', "[" * 100_000])
async def test_without_a_session_it_is_about_today(served: Running, said: str | None) -> None:
    code, out, errors = await _status(served.at.dashboard_port, said=said)
    assert (code, out, errors) == (0, f"today: {LINE}\n", "")


async def test_what_is_wrong_is_said_in_the_line(served: Running) -> None:
    code, out, errors = await _status(served.at.dashboard_port, token="wrong")
    assert (code, errors) == (0, "")
    assert "ANTHROPIC_PROXY_PAGES_TOKEN" in out
    for port in (1, 0, 99_999):
        code, out, errors = await _status(port)
        assert (code, out, errors) == (0, f"anthropic-proxy: no answer at 127.0.0.1:{port}\n", "")
    code, out, errors = await _status(1, "--format", "json")
    assert (code, out, errors) == (1, "", "no answer at 127.0.0.1:1\n")


ODD = (
    (b"200 OK", b"{}", "not that of this version"),
    (b"200 OK", b'{"tokens": 5, "days": 5}', "not that of this version"),
    (b"500 Oops", b'{"error": "\\u001b[31mred\\u202e"}', "anthropic-proxy: [31mred\n"),
    (b"500 Oops", b'{"error": "' + b"x" * 9_999 + b'"}', "x" * 200 + "\n"),
)


@pytest.mark.parametrize(("status_line", "body", "words"), ODD)
async def test_another_program_that_answers_is_no_trouble(
    status_line: bytes, body: bytes, words: str
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 " + status_line + b"\r\n\r\n" + body)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        for session in ((), ("--session", SESSION)):
            code, out, errors = await _status(port, *session)
            assert (code, errors) == (0, "")
            assert words in out


async def test_settings_come_from_the_users_file_too(served: Running, tmp_path: Path) -> None:
    file = tmp_path / "anthropic-proxy" / "env"
    file.parent.mkdir()
    _write(file, f"ANTHROPIC_PROXY_DASHBOARD_PORT={served.at.dashboard_port}\n")
    empty = {"ANTHROPIC_PROXY_DASHBOARD_PORT": "", "XDG_CONFIG_HOME": str(tmp_path)}
    code, out, _ = await _status(0, "--session", SESSION, **empty)
    assert (code, out) == (0, f"{LINE} · 5h 42%\n")
    file.chmod(0o666)
    code, out, _ = await _status(0, "--session", SESSION, **empty)
    assert (code, "chmod go-w" in out) == (0, True)


def _write(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o600)


def test_who_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "INPUT_TIMEOUT", 0.01)
    reading, writing = os.pipe()
    with os.fdopen(reading) as stream, os.fdopen(writing, "wb", buffering=0) as other:
        assert status._session(stream) is None
        other.write(b'{"session_id": "s1"}')
        assert status._session(stream) == "s1"


@pytest.mark.usefixtures("unmeasured")
def test_it_imports_little() -> None:
    loaded = "import sys, app.cli.program, app.cli.status; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True
    )
    slow = {
        "pydantic",
        "starlette",
        "httpx",
        "sqlite3",
        "ssl",
        "structlog",
        "dotenv",
        "http.client",
    }
    assert slow & set(done.stdout.split()) == set()
