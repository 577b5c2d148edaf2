"""The balancer's own configuration, with a real HAProxy and replicas that only answer checks."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.programs import require
from tests.stack.tree import ROOT

pytestmark = pytest.mark.external

CONFIGURATION = (ROOT / "deploy/haproxy/haproxy.cfg").read_text(encoding="utf-8")
LATE = 0.6  # seconds until a busy replica has answered: more than two checks' interval
CHECKS = 8  # of two backends: more than those after which a replica counts as down


@dataclass
class Replica:
    """Greets each connection; answers checks late, with ``status``."""

    status: str = "200 OK"
    checks: int = 0
    checked: asyncio.Event = field(default_factory=asyncio.Event)

    async def greet(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Be the proxy's port."""
        writer.write(b"hello")
        writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Be the pages' port."""
        # The test may end meanwhile.
        with closing(writer), suppress(OSError, EOFError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            self.checks += 1
            if self.checks == CHECKS:
                self.checked.set()
            await asyncio.sleep(LATE)
            writer.write(f"HTTP/1.0 {self.status}\r\n\r\n".encode())


@asynccontextmanager
async def balanced(replica: Replica, directory: Path) -> AsyncIterator[int]:
    """Run the balancer in front of one replica; yield its port."""
    program = require("haproxy", "haproxy")
    async with (
        await asyncio.start_server(replica.greet, "127.0.0.1", 0) as proxy,
        await asyncio.start_server(replica.answer, "127.0.0.1", 0) as pages,
    ):
        port = free_port()
        file = directory / "haproxy.cfg"
        changes = {
            "bind :8443": f"bind 127.0.0.1:{port}",
            "bind :9090": f"bind 127.0.0.1:{free_port()}",
            "check port 9090": f"check port {pages.sockets[0].getsockname()[1]}",
            "init-addr none": "",
            "server-template replica- 16 proxy:8443": f"server one {_address(proxy)}",
            "server-template replica- 16 proxy:9090": f"server one {_address(pages)}",
        }
        text = CONFIGURATION
        for name, value in changes.items():
            assert name in text
            text = text.replace(name, value)
        file.write_text(text, encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            program, "-db", "-f", str(file), stdout=subprocess.DEVNULL
        )
        try:
            yield port
        finally:
            process.kill()
            await process.wait()


def _address(server: asyncio.Server) -> str:
    return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _greeting(port: int) -> bytes:
    """Return what a client is sent: nothing if no replica is up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def _checked(replica: Replica) -> None:
    """Wait until the balancer has asked often enough to know."""
    async with asyncio.timeout(60):
        await replica.checked.wait()


async def test_a_replica_too_busy_to_answer_at_once_still_gets_connections(tmp_path: Path) -> None:
    replica = Replica()
    async with balanced(replica, tmp_path) as port:
        await _checked(replica)
        assert await _greeting(port) == b"hello"


async def test_a_replica_that_is_not_ready_gets_no_connection(tmp_path: Path) -> None:
    replica = Replica("503 Service Unavailable")
    async with balanced(replica, tmp_path) as port:
        await _checked(replica)
        assert await _greeting(port) == b""
