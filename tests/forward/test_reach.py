"""Where a blind tunnel is connected to: lookups, addresses, time."""

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from app.errors import Forbidden, NoTunnel, UpstreamTimeout
from app.forward.loops import is_ours
from app.forward.policy import Policy, rules
from app.forward.reach import LOOKUPS, Reach
from app.forward.target import Target
from app.forward.tunnel import Tunnel
from app.network.proxies import ProxyEnvironment
from tests.proxying import until

Resolver = Callable[[str, int], Awaitable[Sequence[Any]]]


def reach(resolver: Resolver, *allowed: str, timeout: float = 60.0) -> Reach:
    policy = Policy(frozenset(), "tunnel", rules(allowed))
    return Reach(policy, timeout, proxies=ProxyEnvironment({}), resolver=resolver)


async def connect(made: Reach, host: str, port: int) -> Tunnel:
    tunnel = Tunnel(asyncio.get_running_loop(), 60.0, lambda _direction, _size: None)
    await made.connect(Target(host, port), tunnel.target)
    return tunnel


def info(address: str, port: int) -> Any:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)


async def test_only_an_address_that_passed_is_connected_to() -> None:
    """Of several addresses of a name, one that may not be reached is never tried."""
    peers: list[str] = []

    async def accepted(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(writer.get_extra_info("sockname")[0])
        writer.close()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    other_server = await asyncio.start_server(accepted, "127.0.0.2", port)

    async def resolver(_host: str, _port: int) -> list[Any]:
        return [info("127.0.0.2", port), info("127.0.0.1", port)]

    async with server, other_server:
        made = reach(resolver, f"127.0.0.1/32:{port}")
        tunnel = await connect(made, "any.example", port)
        await until(lambda: bool(peers))
        tunnel.abort()
        other = reach(resolver, f"10.0.0.0/8:{port}")
        with pytest.raises(Forbidden):
            await connect(other, "any.example", port)
    assert peers == ["127.0.0.1"]


async def test_an_address_is_not_looked_up() -> None:
    async def resolver(_host: str, _port: int) -> list[Any]:
        raise AssertionError

    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        (await connect(reach(resolver, f"127.0.0.1:{port}"), "127.0.0.1", port)).abort()


async def test_names_that_take_long_leave_threads_to_others() -> None:
    running, ended = 0, asyncio.Event()

    async def resolver(_host: str, _port: int) -> list[Any]:
        nonlocal running
        running += 1
        await ended.wait()
        return []

    made = reach(resolver, timeout=0.02)
    for number in range(10):  # each gives up; a lookup once begun goes on
        with pytest.raises(UpstreamTimeout):
            await connect(made, f"slow{number}.example", 443)
    assert running == LOOKUPS
    ended.set()


@pytest.mark.parametrize("environment", [{}, {"https_proxy": "http://egress.example:3128"}])
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_a_shortage_of_this_machine_is_not_the_hosts_failure(
    environment: dict[str, str], number: int
) -> None:
    async def resolver(_host: str, _port: int) -> list[Any]:
        raise OSError(number, "no room")

    policy = Policy(frozenset(), "tunnel", ())
    made = Reach(policy, 60.0, proxies=ProxyEnvironment(environment), resolver=resolver)
    with pytest.raises(NoTunnel):
        await connect(made, "any.example", 443)


def test_addresses_of_this_machine_are_known() -> None:
    for address in ("127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "::"):  # noqa: S104 - not bound
        assert is_ours(ipaddress.ip_address(address))
    for address in ("192.0.2.1", "2001:db8::1"):
        assert not is_ours(ipaddress.ip_address(address))
