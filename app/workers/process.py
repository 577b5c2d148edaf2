"""One worker as its supervisor sees it: a process and a channel to it."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..failures import SettingsError, StartError
from ..server.sockets import Ports
from .channel import Channel
from .hub import Hub
from .messages import Assignment, Body, Done, Failed, Hello, Look, Ready

FAILURES = {"SettingsError": SettingsError, "StartError": StartError}


class WorkerProcess:
    """A running worker. State: ``ready``, done when it serves or has said why it cannot."""

    def __init__(self, number: int, share: Mapping[str, Any], hub: Hub) -> None:
        self.number = number
        self.ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self.channel: Channel
        self.process: asyncio.subprocess.Process
        self._share = share
        self._hub = hub

    @classmethod
    async def start(
        cls, number: int, share: Mapping[str, Any], ports: Ports, hub: Hub
    ) -> "WorkerProcess":
        """Start a process with ``share`` of the settings on ``ports``."""
        worker = cls(number, share, hub)
        ours, theirs = socket.socketpair()
        with theirs:
            inherited = [sock.fileno() for sock in (theirs, *ports.all)]
            # -P, and the module path of this process: a working directory is not to be trusted.
            worker.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                __package__ or "",
                *map(str, inherited),
                pass_fds=inherited,
                start_new_session=True,  # Ctrl-C is for the supervisor alone
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                stdin=asyncio.subprocess.DEVNULL,
            )
        ours.setblocking(False)
        worker.channel = await Channel.over(ours, worker.answer)
        return worker

    @property
    def has_served(self) -> bool:
        """Whether it was ready once."""
        ready = self.ready
        return ready.done() and not ready.cancelled() and ready.exception() is None

    async def answer(self, question: Body) -> Body:
        """Answer a question of the worker."""
        match question:
            case Hello():
                return Assignment(self.number, dict(self._share))
            case Ready() if not self.ready.done():
                self.ready.set_result(question)
            case Failed(kind, reason) if not self.ready.done():
                self.ready.set_exception(FAILURES.get(kind, StartError)(reason))
            case Look(known):
                return await self._hub.look(known)
        return Done()

    async def wait(self) -> str:
        """Wait for the end of the process; return how it ended."""
        code = await self.process.wait()
        await self.channel.close()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        if not self.ready.done():
            self.ready.set_exception(StartError(f"a worker process ended during its start: {how}"))
        self.ready.exception()  # whoever waits for it gets it; nobody may
        return how

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if the process still runs."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
