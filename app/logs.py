"""Logging: structlog and the standard library's loggers, one sink, no secrets.

Lines are rendered by their caller, put into a bounded queue (`QueueHandler`) and written by a
thread (`QueueListener`): a slow or full log never delays a request.

Loggers that print headers or URLs are pinned at WARNING whatever the level: hpack writes
``x-api-key`` at DEBUG. Tracebacks never show local variables.
"""

import io
import logging
import os
import select
import sys
import threading
from collections.abc import Callable, Sequence
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import Processor

Format = Literal["auto", "console", "json"]

PINNED = ("httpx", "httpcore", "h2", "hpack", "hypercorn.access", "asyncio", "urllib3")
CAPACITY = 10_000  # lines that wait for a slow sink; with a few hundred bytes each, some MB


class LineQueue:
    """A queue of rendered lines with room for ``capacity`` of them; `put_nowait` never blocks.

    A line for which there is no room is dropped and counted. State: ``_lines``, ``_closed``, and
    the count ``dropped``, which several threads may raise (under ``_lock``).
    """

    def __init__(self, capacity: int) -> None:
        self.dropped = 0
        self.capacity = capacity
        self._lines: SimpleQueue[str | None] = SimpleQueue()  # reentrant: signal handlers log, too
        self._closed = False
        self._lock = threading.Lock()

    def put_nowait(self, line: str) -> None:
        """Append a line, or drop it."""
        if self._closed or self._lines.qsize() >= self.capacity:
            self.drop(1)
        else:
            self._lines.put(line)

    def get(self, block: bool = True) -> str | None:
        """Return the next line, None at the end."""
        return self._lines.get(block)

    def empty(self) -> bool:
        """Return True if no line waits; the end of the queue is none."""
        return self._lines.qsize() <= self._closed

    def drop(self, count: int) -> None:
        """Count lines that are lost."""
        with self._lock:
            self.dropped += count

    def close(self) -> None:
        """Take no more lines; `get` returns None after those that wait."""
        self._closed = True
        self._lines.put(None)


class Sink(QueueListener):
    """Writes the lines of a `LineQueue` in a thread, so that nobody waits for the log.

    Lines that arrive during a write are written together. ``notice`` makes the line that says how
    many were dropped, once writing is possible again. State, in the thread: ``_batch``, and
    ``_reported`` of the dropped lines.
    """

    queue: LineQueue

    def __init__(
        self,
        write: Callable[[str], object],
        capacity: int = CAPACITY,
        notice: Callable[[int], str] = "{} log lines were dropped\n".format,
    ) -> None:
        super().__init__(LineQueue(capacity))
        self._write = write
        self._notice = notice
        self._batch: list[str] = []
        self._reported = 0
        self._stopping = threading.Thread(target=self.stop, name="log-stop", daemon=True)
        self.start()

    @property
    def dropped(self) -> int:
        """How many lines were dropped, or could not be written."""
        return self.queue.dropped

    def write(self, line: str) -> None:
        """Take one line, with its end; returns at once."""
        self.queue.put_nowait(line)

    def close(self, deadline: float = 1.0) -> None:
        """Write what waits, for at most ``deadline`` seconds; later lines are dropped."""
        if self._stopping.ident is None:
            self._stopping.start()  # `stop` waits for the last write without a limit
        self._stopping.join(deadline)

    def enqueue_sentinel(self) -> None:
        """End the queue."""
        self.queue.close()

    def handle(self, record: Any) -> None:
        """Take a line in; write when no other line waits, or as many as the queue may hold."""
        self._batch.append(record)
        if self.queue.empty() or len(self._batch) >= self.queue.capacity:
            batch, self._batch = self._batch, []
            self._write_batch(batch)

    def _write_batch(self, lines: Sequence[str]) -> None:
        dropped = self.queue.dropped
        news = self._notice(dropped - self._reported) if dropped > self._reported else ""
        try:
            self._write("".join(lines) + news)
            self._reported = dropped
        except (OSError, ValueError):  # full, broken or closed: serving goes on
            self.queue.drop(len(lines))


def configure(level: str = "info", format: Format = "auto", stream: TextIO | None = None) -> Sink:  # noqa: A002 - what it is called everywhere
    """Set logging up for the process; the returned sink is closed at its end.

    ``auto`` is ``console`` on a terminal and ``json`` elsewhere; ``stream`` is stderr by default.
    """
    stream = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    console = format == "console" or (format == "auto" and stream.isatty())
    rendering = _console(colors=stream.isatty()) if console else _json()
    formatter = _formatter(rendering)
    sink = Sink(writer(stream), notice=lambda count: _line(formatter, f"{count} lines dropped"))
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *_STAMPS, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: _Printer(sink),
        cache_logger_on_first_use=False,
    )
    _configure_standard_library(number, formatter, sink)
    return sink


def _formatter(rendering: list[Processor]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=()), *_STAMPS],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
    )


def _line(formatter: logging.Formatter, event: str) -> str:
    """Return a line about the log itself."""
    record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, event, None, None)
    return formatter.format(record) + "\n"


def _configure_standard_library(number: int, formatter: logging.Formatter, sink: Sink) -> None:
    handler = _Handler(sink, formatter)
    logging.basicConfig(level=number, handlers=[handler], force=True)
    for name in PINNED:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


_STAMPS: list[Processor] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _json() -> list[Processor]:
    transformer = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(transformer),
        structlog.processors.JSONRenderer(),
    ]


def _console(*, colors: bool) -> list[Processor]:
    from structlog.dev import ConsoleRenderer, plain_traceback  # noqa: PLC0415 - for people only

    return [
        ConsoleRenderer(
            colors=colors,
            exception_formatter=plain_traceback,
            sort_keys=False,  # the order of the JSON, which begins with what matters most
        )
    ]


class _Printer:
    """structlog's last step: every level's method takes the rendered line."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def msg(self, line: str) -> None:
        self._sink.write(line + "\n")

    debug = info = warning = error = critical = exception = log = msg


class _Handler(QueueHandler):
    """Puts records of the standard library's loggers into the same queue, as lines."""

    def __init__(self, sink: Sink, formatter: logging.Formatter) -> None:
        super().__init__(sink.queue)
        self.formatter: logging.Formatter = formatter

    def prepare(self, record: logging.LogRecord) -> str:
        """Render the record in the caller's thread: its arguments may change later."""
        try:
            return self.format(record) + "\n"
        except Exception:  # noqa: BLE001 - wrong arguments must not fail the caller
            # The place, without the arguments: `handleError` would print those to stderr.
            where = f"{record.filename}:{record.lineno}"
            return _line(self.formatter, f"a log line could not be formatted at {where}")


def writer(stream: TextIO) -> Callable[[str], object]:
    """Return a function that writes to ``stream``, unbuffered where it has a file descriptor.

    A thread that blocks inside a buffered write holds its lock, and the interpreter aborts when
    it cannot flush standard error at its end.
    """
    try:
        descriptor = stream.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return stream.write
    return lambda text: _write_all(descriptor, text.encode("utf-8", "backslashreplace"))


def _piece(text: bytes) -> bytes:
    """Return the lines that a pipe takes at once: those of several processes must not mix."""
    if len(text) <= select.PIPE_BUF:
        return text
    whole = text.rfind(b"\n", 0, select.PIPE_BUF) + 1
    return text[:whole] if whole else text[: text.find(b"\n") + 1] or text


def _write_all(descriptor: int, text: bytes) -> None:
    while text:
        try:
            text = text[os.write(descriptor, _piece(text)) :]
        except BlockingIOError:  # another process made the pipe or terminal non-blocking
            select.select([], [descriptor], [])
