"""A proxy with its forward port open, and clients of that port."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from app.certificates import Certificate
from tests.proxying import DEADLINE, Running, proxying

API = "api.anthropic.com:443"


@asynccontextmanager
async def forwarding(
    upstream: str, certificate: Certificate, directory: Any, **settings: Any
) -> AsyncIterator[Running]:
    """Serve a proxy with a forward port."""
    chosen = {"forward_port": 0, "state_dir": directory} | settings
    async with proxying(upstream, certificate, **chosen) as running:
        yield running


class Port(NamedTuple):
    """The forward port of a proxy in another process."""

    number: int


At = Running | Port


def port_of(proxy: At) -> int:
    return proxy.number if isinstance(proxy, Port) else proxy.at.forward_port or 0


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connected(proxy: At) -> Streams:
    return await asyncio.open_connection("127.0.0.1", port_of(proxy), limit=2**20)


async def connect(proxy: At, target: str, *fields: str) -> tuple[Streams, bytes]:
    """Ask for a tunnel; return the connection and the head of the answer."""
    reader, writer = await connected(proxy)
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", *fields, "", ""]
    writer.write("\r\n".join(lines).encode())
    async with asyncio.timeout(DEADLINE):
        return (reader, writer), await reader.readuntil(b"\r\n\r\n")


async def ask(proxy: At, target: str, *fields: str) -> tuple[int, str]:
    """Ask for a tunnel; return the status and the reason of a refusal."""
    (_, writer), head = await connect(proxy, target, *fields)
    writer.close()
    return status_and_reason(head)


async def send(proxy: At, data: bytes) -> tuple[int, str]:
    """Send bytes; return the status and the reason of the answer."""
    reader, writer = await connected(proxy)
    writer.write(data)
    async with asyncio.timeout(DEADLINE):
        head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return status_and_reason(head)


def status_and_reason(head: bytes) -> tuple[int, str]:
    line, *lines = head.decode().split("\r\n")
    fields = dict(one.split(": ", 1) for one in lines if one)
    return int(line.split(" ")[1]), fields.get("x-anthropic-proxy-error", "")


def trust(directory: Any) -> ssl.SSLContext:
    """Return what trusts the CA of intercepted tunnels, and nothing else."""
    return ssl.create_default_context(cafile=directory / "forward" / "ca.crt")
