"""One connection: Hypercorn's, with our protocols."""

import asyncio
from contextlib import suppress
from typing import Any

from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.events import Event, RawData, Updated
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr

from app.listener.departure import Departure
from app.listener.h1 import H1
from app.listener.h2 import H2
from app.listener.inbox import TaskGroup

CLOSE_DEADLINE = 2.0  # seconds for the last bytes and TLS's farewell


class Connection(TCPServer):
    """Serves one connection until it is closed; `TCPServer.run` builds stock protocols.

    State: the ``protocol``, once the connection is served; ``_ended``, once the client has left.
    """

    protocol: Any = None
    _ended = False

    async def run(self) -> None:
        """Serve; an OSError only means that the peer has gone."""
        connected = self.writer.get_extra_info("socket")
        ssl_object = self.writer.get_extra_info("ssl_object")
        agreed = ssl_object.selected_alpn_protocol() if ssl_object is not None else None
        protocol: Any = H2 if agreed == "h2" else H1
        try:
            client = parse_socket_addr(connected.family, connected.getpeername())
            server = parse_socket_addr(connected.family, connected.getsockname())
            departed = Departure(self.writer.transport)
            async with TaskGroup(self.loop, departed) as task_group:
                self._task_group = task_group
                self.protocol = protocol(
                    self.app,
                    self.config,
                    self.context,
                    task_group,
                    ConnectionState(self.state),
                    ssl_object is not None,
                    client,
                    server,
                    self.protocol_send,
                )
                self.protocol.departed = departed
                await self.protocol.initiate()
                await self.idle_task.restart(task_group, self._idle_timeout)
                await self._read_data()
                self._ended = True
                await self.idle_task.stop()
        except OSError:
            pass
        finally:
            await self._close()

    async def protocol_send(self, event: Event) -> None:
        """Take an event from the protocol.

        A client that has left is not waited for, and nothing is written to a lost connection:
        TLS answers that with an AttributeError.
        """
        if self._ended and isinstance(event, Updated):
            return
        if isinstance(event, RawData) and self.writer.is_closing():
            return
        await super().protocol_send(event)

    async def retire(self) -> None:
        """Let the client know that the server is about to leave."""
        if self.protocol is not None:
            await self.protocol.retire()

    async def _close(self) -> None:
        """Close, in time; stock waits for ever for a client that takes nothing."""
        with suppress(OSError, TimeoutError):  # SSLError is an OSError
            async with asyncio.timeout(CLOSE_DEADLINE):
                await super()._close()
        self.writer.transport.abort()  # a closed one does not mind
