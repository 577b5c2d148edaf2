"""Binds the ports that the server listens on."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from ..settings import Settings, variable
from .port_failure import port_failure


class Ports(NamedTuple):
    """The bound sockets of the proxy, of its pages and, if it is on, of the forward proxy."""

    main: socket.socket
    dashboard: socket.socket
    forward: socket.socket | None = None

    @property
    def all(self) -> tuple[socket.socket, ...]:
        """Those that there are, in order."""
        return tuple(port for port in self if port is not None)

    @property
    def numbers(self) -> frozenset[int]:
        """Their port numbers, real even where 0 was asked for."""
        return frozenset(port.getsockname()[1] for port in self.all)


@contextmanager
def open_ports(settings: Settings) -> Iterator[Ports]:
    """Bind all ports; raises `PortFailure` naming the setting of one that cannot be bound."""
    wanted = [
        (settings.host, settings.port, "port"),
        (settings.host, settings.dashboard_port, "dashboard_port"),
    ]
    if settings.forward_port is not None:
        wanted.append((settings.forward_host, settings.forward_port, "forward_port"))
    with ExitStack() as opened:
        yield Ports(
            *(opened.enter_context(bind(host, port, variable(name))) for host, port, name in wanted)
        )


def bind(host: str, port: int, name: str) -> socket.socket:
    """Return a socket bound to ``host`` and ``port``; raises `PortFailure` naming the setting."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        sock.bind((host, port))
        sock.listen(0)  # a port that another listens on is noticed here at the latest
    except OSError as exc:
        sock.close()
        address = variable("forward_host" if name == variable("forward_port") else "host")
        raise port_failure(
            exc, host, port, at=f"{name}={port}", sets_port=name, sets_host=address
        ) from exc
    sock.setblocking(False)
    return sock
