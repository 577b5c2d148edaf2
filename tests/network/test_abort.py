"""Connections are aborted in every state, by every Python."""

import asyncio

from app.network.abort import abort


class ClosedTwice(asyncio.WriteTransport):
    """A TLS transport of Python 3.11.2 after its second ``close``."""

    _ssl_protocol: asyncio.Transport | None = None

    def abort(self) -> None:
        self._ssl_protocol.abort()  # type: ignore[union-attr] # that is the defect


def test_a_transport_that_was_closed_twice_can_be_aborted() -> None:
    abort(ClosedTwice())
