"""TCP to a host: every address of it in turn (RFC 8305), and what the sockets are told.

uvloop has no Happy Eyeballs of its own (MagicStack/uvloop#406), so this is done before the loop
gets the socket.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

from aiohappyeyeballs import AddrInfoType, start_connection

from .keep_alive import keep_alive

Resolver = Callable[[str, int], Awaitable[Sequence[AddrInfoType]]]  # host, port

NEXT_ADDRESS = 0.25  # seconds before the next address is tried beside the last (RFC 8305 §5)
UNACKED = 30  # seconds that sent bytes may go unacknowledged before the kernel gives up
PROBING = {"idle": 30, "interval": 10, "probes": 3}  # as for `keep_alive`


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
        keep_alive(made, **PROBING)
        if (unacked := getattr(socket, "TCP_USER_TIMEOUT", None)) is not None:  # macOS lacks it
            made.setsockopt(socket.IPPROTO_TCP, unacked, UNACKED * 1000)
    except BaseException:
        made.close()
        raise
    return made
