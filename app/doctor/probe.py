"""A connection that is looked at, and closed again."""

import asyncio
import ssl

import h2.events
from h2.settings import SettingCodes

from ..network.abort import abort
from ..network.words import words
from ..wire.codec import Codec
from ..wire.limits import INITIAL_WINDOW
from ..wire.roles import client

WANTED = (  # as RFC 9113 §6.5.2 names them
    (SettingCodes.MAX_CONCURRENT_STREAMS, "MAX_CONCURRENT_STREAMS"),
    (SettingCodes.INITIAL_WINDOW_SIZE, "INITIAL_WINDOW_SIZE"),
    (SettingCodes.MAX_FRAME_SIZE, "MAX_FRAME_SIZE"),
    (SettingCodes.MAX_HEADER_LIST_SIZE, "MAX_HEADER_LIST_SIZE"),
)


class Probe(asyncio.Protocol):
    """Speaks HTTP/2 as far as SETTINGS and one PING.

    State: ``tls`` is the session's, ``settings`` what the peer announced, ``_settled`` and
    ``_answered`` resolve with the first SETTINGS and the answer to PING.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.draining = False
        self.tls: ssl.SSLObject | None = None
        self.settings: dict[str, int] = {}
        self._codec = Codec(client(1))
        self._transport: asyncio.Transport | None = None
        self._settled: asyncio.Future[None] = loop.create_future()
        self._answered: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = transport  # type: ignore[assignment] # asyncio's type is too wide
        self.tls = transport.get_extra_info("ssl_object")

    async def greet(self) -> float:
        """Exchange SETTINGS; return the seconds that a PING takes."""
        loop = asyncio.get_running_loop()
        self._codec.initiate_connection()
        self._flush()
        await self._settled
        window = self._codec.outbound_flow_control_window
        if window != INITIAL_WINDOW:
            self.settings["connection window"] = window
        started = loop.time()
        self._codec.ping(b"doctor..")
        self._flush()
        await self._answered
        return loop.time() - started

    def close(self) -> None:
        """Close the connection."""
        for future in (self._settled, self._answered):
            if not future.done():
                future.cancel()
            elif not future.cancelled():
                future.exception()  # so that asyncio does not report it
        if self._transport is not None:
            abort(self._transport)

    def data_received(self, data: bytes) -> None:
        """Note what the peer says."""
        try:
            events = self._codec.receive_data(data)
        except Exception as exc:  # noqa: BLE001 - whatever it sent, it was not HTTP/2
            self._fail(f"not HTTP/2: {type(exc).__name__}")
            return
        for event in events:
            if isinstance(event, h2.events.RemoteSettingsChanged):
                self._settle(event)
            elif isinstance(event, h2.events.PingAckReceived) and not self._answered.done():
                self._answered.set_result(None)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait."""
        self.draining = True
        self._fail(words(exc) if exc else "the peer closed the connection")

    def _settle(self, event: h2.events.RemoteSettingsChanged) -> None:
        changed = event.changed_settings
        self.settings |= {name: changed[code].new_value for code, name in WANTED if code in changed}
        if not self._settled.done():
            self._settled.set_result(None)

    def _fail(self, reason: str) -> None:
        for future in (self._settled, self._answered):
            if not future.done():
                future.set_exception(ConnectionError(reason))

    def _flush(self) -> None:
        if self._transport is not None and (data := self._codec.data_to_send()):
            self._transport.write(data)
