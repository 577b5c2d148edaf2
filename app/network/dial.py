"""TCP to a host: every address of it in turn (RFC 8305), and what the sockets are told.

uvloop has no Happy Eyeballs of its own (MagicStack/uvloop#406), so this is done before the loop
gets the socket.
"""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence

from aiohappyeyeballs import AddrInfoType, start_connection

Resolver = Callable[[str, int], Awaitable[Sequence[AddrInfoType]]]  # host, port
Option = tuple[int, int, int]  # level, name, value, as for `socket.setsockopt`

NEXT_ADDRESS = 0.25  # seconds before the next address is tried beside the last (RFC 8305 §5)
UNACKED = 30  # seconds that sent bytes may go unacknowledged before the kernel gives up
IDLE, INTERVAL, PROBES = 30, 10, 3  # TCP keep-alive: seconds, seconds, number


async def resolve(host: str, port: int) -> Sequence[AddrInfoType]:
    """Return the addresses of a host, in the order in which to try them (RFC 6724)."""
    loop = asyncio.get_running_loop()
    return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def dial(host: str, port: int, resolver: Resolver) -> socket.socket:
    """Return a connected socket; raises `OSError` with the system's words."""
    addresses = await resolver(host, port)
    if not addresses:
        raise OSError(f"{host} has no address")
    made = await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS)
    try:
        for level, name, value in SOCKET_OPTIONS:
            made.setsockopt(level, name, value)
    except BaseException:
        made.close()
        raise
    return made


def _options() -> list[Option]:
    """Return the options that let the kernel notice a dead peer, as far as it knows them."""
    idle = "TCP_KEEPALIVE" if sys.platform == "darwin" else "TCP_KEEPIDLE"
    wanted = (
        (idle, IDLE),
        ("TCP_KEEPINTVL", INTERVAL),
        ("TCP_KEEPCNT", PROBES),
        ("TCP_USER_TIMEOUT", UNACKED * 1000),
    )
    known = [
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in wanted
        if hasattr(socket, name)
    ]
    return [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *known]


SOCKET_OPTIONS = _options()
