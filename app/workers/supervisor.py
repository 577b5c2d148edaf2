"""Starts the workers, starts those again that end by themselves, and drains all at a signal."""

import asyncio
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

from .. import __version__
from ..factories.thresholds import thresholds_of
from ..failures import SettingsError, StartError
from ..server import signals
from ..server.addresses import Addresses
from ..server.certificate import certificate_of
from ..server.exposure import warn_if_exposed
from ..server.forwarding import forward_context
from ..server.loop import settle
from ..server.sockets import Ports, open_ports
from ..settings import Settings
from ..telemetry.facts import Facts, Listening, ScrubFacts
from ..telemetry.sampling.broadcast import Broadcast
from ..telemetry.sampling.sampler import Sampler
from ..tls import following_context
from .backoff import Backoff
from .hub import Hub
from .messages import Ready
from .process import WorkerProcess
from .service import Service
from .shares import share_of

log = structlog.get_logger(__name__)

Started = Callable[[Addresses, Facts], None]

_IN_ORDER = ("exit code 0", signal.SIGTERM.name)  # a late signal finds nothing that handles it


async def supervise(settings: Settings, *, started: Started = lambda _at, _facts: None) -> None:
    """Serve with several processes until a signal comes; raises `StartError`, `SettingsError`."""
    certificate = certificate_of(settings)
    following_context(certificate, settings.tls_client_ca_file)  # its errors, before any worker's
    forward_context(settings)
    with open_ports(settings) as ports:
        warn_if_exposed(settings)
        supervisor = Supervisor(settings, ports)
        stopping = asyncio.Event()
        with signals.handled(stopping, again=supervisor.exit_at_once):
            try:
                ready = await supervisor.start(stopping)
                if ready is not None:
                    settle()
                    at = Addresses.of(settings, ports, certificate)
                    started(at, supervisor.note_start(ready, at))
                    await stopping.wait()
                for port in ports.all:
                    port.close()  # a worker that is the last to close its own refuses what waits
                in_order = await supervisor.drain()
            finally:
                supervisor.kill()
            if not in_order:
                raise SystemExit(1)


class Supervisor:
    """Keeps ``settings.workers`` processes running.

    State: ``_running`` workers by number; ``_keepers``, a task for each; ``_draining``, set
    once a signal came; ``_broken`` if a worker did not come to the end of its drain.
    """

    def __init__(self, settings: Settings, ports: Ports) -> None:
        self._settings = settings
        self._share = share_of(settings)
        self._ports = ports
        self._service = Service(
            settings.workers, version=__version__, clock=time.monotonic, wall=time.time
        )
        sampler = Sampler(self._service, Broadcast(), thresholds=thresholds_of(settings))
        self._hub = Hub(self._service, sampler, time.monotonic)
        self._running: dict[int, WorkerProcess] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._sampling: asyncio.Task[None] | None = None
        self._draining = asyncio.Event()
        self._broken = False

    async def start(self, stopping: asyncio.Event) -> Ready | None:
        """Start all; return what the first says when all serve, None if a signal came first."""
        numbers = range(self._settings.workers)
        try:
            workers = await asyncio.gather(*(self._start(number) for number in numbers))
        except OSError as exc:  # no memory, or too many processes
            raise StartError(f"no worker process can be started: {exc.strerror}") from exc
        self._keepers = [asyncio.create_task(self._keep(worker)) for worker in workers]
        serving = asyncio.create_task(_all_ready(workers))
        signalled = asyncio.create_task(stopping.wait())
        try:
            first: list[asyncio.Task[Any]] = [serving, signalled]
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                return None
            ready = await serving
        finally:
            serving.cancel()
            signalled.cancel()
        self._sampling = asyncio.create_task(self._hub.run())
        return ready

    def note_start(self, ready: Ready, at: Addresses) -> Facts:
        """Note what the pages show of the service; return it."""
        service, certificate = self._service, at.certificate
        scrub = ScrubFacts(
            mode=ready.scrub_mode, detectors=ready.scrub_detectors, restore=ready.scrub_restore
        )
        service.facts = Facts(host=socket.gethostname(), scrub=scrub)
        service.prices_as_of = ready.prices_as_of
        service.listening = Listening.at(at.port, certificate.ca_file or certificate.cert_file)
        return service.facts

    async def drain(self) -> bool:
        """Let every worker drain; return whether all have ended by themselves, and in time."""
        self._draining.set()
        for worker in self._running.values():
            worker.send(signal.SIGTERM)
        patience = self._settings.shutdown_timeout + signals.WATCHDOG + 1.0
        _, hanging = await asyncio.wait(self._keepers, timeout=patience)
        for keeper in hanging:
            keeper.cancel()
        if self._sampling is not None:
            self._sampling.cancel()
        if hanging:
            log.error("workers do not exit", workers=sorted(self._running))
        return not (hanging or self._broken)

    def exit_at_once(self, number: signal.Signals) -> None:
        """End every worker and this process, as the second signal asks."""
        self.kill()
        signals.exit_at_once(number)

    def kill(self) -> None:
        """End every worker at once."""
        for worker in self._running.values():
            worker.send(signal.SIGKILL)

    async def _start(self, number: int) -> WorkerProcess:
        worker = await WorkerProcess.start(number, self._share, self._ports, self._hub)
        self._running[number] = worker
        worker.ready.add_done_callback(lambda _: self._serves(worker))
        if self._draining.is_set():  # it came too late to be told with the others
            worker.send(signal.SIGTERM)
        return worker

    def _serves(self, worker: WorkerProcess) -> None:
        if worker.has_served:
            self._hub.channels[worker.number] = worker.channel

    async def _keep(self, worker: WorkerProcess) -> None:
        """Wait for the worker's end and start another, until the drain."""
        number, backoff = worker.number, Backoff()
        current: WorkerProcess | None = worker
        while current is not None:
            began = time.monotonic()
            how = await current.wait()
            self._hub.channels.pop(number, None)
            del self._running[number]
            self._service.ended(number)
            if self._draining.is_set():
                self._note_end(current, how)
                return
            if not self._serving:
                return
            delay = backoff.delay(time.monotonic() - began)
            log.error("worker ended", worker=number, how=how, restart_in=delay, **_why(current))
            current = await self._restart(number, delay, backoff)

    def _note_end(self, worker: WorkerProcess, how: str) -> None:
        """Note how a worker has ended in the drain; before its start was over, a signal ends it."""
        if how not in _IN_ORDER and worker.has_served:
            self._broken = True
            log.error("worker ended while it drained", worker=worker.number, how=how)

    async def _restart(self, number: int, delay: float, backoff: Backoff) -> WorkerProcess | None:
        """Start a worker again after ``delay`` seconds; return None if the drain began first."""
        while not await self._drained_within(delay):
            self._service.restarted(number)
            try:
                return await self._start(number)
            except OSError as exc:  # no memory, or too many processes
                delay = backoff.delay(0.0)
                log.error("worker not started", worker=number, reason=exc.strerror)  # noqa: TRY400 - for people
        return None

    async def _drained_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._draining.wait()
        return self._draining.is_set()

    @property
    def _serving(self) -> bool:
        """Whether all workers have been ready: before that, an end is an error of the start."""
        return self._sampling is not None


async def _all_ready(workers: list[WorkerProcess]) -> Ready:
    """Wait until all serve; return what the first one says. Raises what one of them fails with."""
    said = [await asyncio.shield(worker.ready) for worker in workers]
    return said[0]


def _why(worker: WorkerProcess) -> dict[str, str]:
    """Return the reason that a worker gave, if it could not start."""
    with suppress(SettingsError, StartError, asyncio.CancelledError, asyncio.InvalidStateError):
        worker.ready.result()
        return {}
    return {"reason": str(worker.ready.exception())}
