"""Lets the system ask whether a silent peer is still there (RFC 9293 §3.8.4)."""

import socket
import sys

_IDLE = "TCP_KEEPALIVE" if sys.platform == "darwin" else "TCP_KEEPIDLE"


def keep_alive(sock: socket.socket, *, idle: int, interval: int, probes: int) -> None:
    """Send ``probes`` after ``idle`` seconds, one each ``interval``, where that can be said."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in ((_IDLE, idle), ("TCP_KEEPINTVL", interval), ("TCP_KEEPCNT", probes)):
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
