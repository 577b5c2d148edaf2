"""A worker process: serves on the supervisor's ports until it is told to stop, or is alone."""

import asyncio
import socket
import sys

import structlog

from .. import __version__, logs
from ..application import Application, create_app
from ..failures import SettingsError, StartError
from ..server.addresses import Addresses
from ..server.loop import run_loop, settle
from ..server.serving import serve
from ..server.sockets import Ports
from ..settings import Settings
from ..telemetry.recorder import Telemetry
from ..telemetry.sampling.broadcast import Broadcast
from .channel import Channel, ChannelClosed
from .messages import Assignment, Body, Collect, Done, Failed, Hello, Ready
from .shares import settings_of
from .view import View, report

log = structlog.get_logger(__name__)


def main() -> None:
    """Serve on the descriptors that the arguments name: channel, proxy, pages and forward proxy."""
    channel, *ports = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
    run_loop(_work(channel, Ports(*ports)))


async def _work(sock: socket.socket, ports: Ports) -> None:
    worker = Worker()
    channel = await Channel.over(sock, worker.answer)
    try:
        assignment = await channel.ask(Hello())
    except ChannelClosed:
        return
    assert isinstance(assignment, Assignment)  # noqa: S101 - for mypy
    settings = settings_of(assignment.settings)
    sink = logs.configure(settings.log_level, settings.log_format)
    structlog.contextvars.bind_contextvars(worker=assignment.worker)
    try:
        await worker.serve(settings, channel, ports)
    except (SettingsError, StartError) as exc:
        await channel.ask(Failed(type(exc).__name__, str(exc)))
    except ChannelClosed:
        pass
    finally:
        sink.close()


class Worker:
    """Serves, and answers the supervisor. State: the ``_telemetry``, once there is one."""

    def __init__(self) -> None:
        self._telemetry: Telemetry | None = None

    async def answer(self, question: Body) -> Body:
        """Answer a question of the supervisor."""
        if isinstance(question, Collect) and self._telemetry is not None:
            return report(self._telemetry, question)
        return Done()

    async def serve(self, settings: Settings, channel: Channel, ports: Ports) -> None:
        """Serve until a signal comes; if the supervisor is gone, end at once."""

        def view(telemetry: Telemetry, broadcast: Broadcast) -> View:
            return View(channel, telemetry, broadcast)

        application = create_app(settings, view=view)
        self._telemetry = application.telemetry
        stop = asyncio.Event()
        greetings: list[asyncio.Task[Body]] = []  # keeps the task alive

        def started(_: Addresses) -> None:
            settle()
            greetings.append(asyncio.ensure_future(channel.ask(_ready(application))))
            channel.closed.add_done_callback(lambda _: _alone(stop))

        await serve(
            application,
            settings,
            started=started,
            stop=stop,
            ports=ports,
            # A service manager may tell every process, and so does the supervisor: that is once.
            again=lambda _: None,
            patience=lambda: 0.0 if channel.closed.done() else settings.shutdown_timeout,
        )


def _alone(stop: asyncio.Event) -> None:
    """Stop: whoever starts the service again must find the ports free."""
    if not stop.is_set():
        log.error("the supervisor is gone")
        stop.set()


def _ready(application: Application) -> Ready:
    telemetry = application.telemetry
    scrub = telemetry.facts.scrub
    return Ready(__version__, scrub.mode, scrub.detectors, scrub.restore, telemetry.prices_as_of)
