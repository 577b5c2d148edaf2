"""Logging: structlog and the standard library's loggers, one sink, no secrets.

Loggers that print headers or URLs are pinned at WARNING whatever the level: hpack writes
``x-api-key`` at DEBUG. Tracebacks never show local variables.
"""

import io
import logging
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal, TextIO

import structlog
from structlog.typing import Processor

Format = Literal["auto", "console", "json"]

PINNED = ("httpx", "httpcore", "h2", "hpack", "hypercorn.access", "asyncio")
CAPACITY = 10_000  # lines that wait for a slow sink; with a few hundred bytes each, some MB


class Sink:
    """A bounded queue in front of a stream: writing never blocks, what has no place is dropped.

    ``notice`` makes the line that tells how many were dropped, once writing goes on again.
    State, under ``_ready``: ``_lines`` that wait, ``_closing``, and ``dropped``, a count.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        capacity: int = CAPACITY,
        notice: Callable[[int], str] = "{} log lines were dropped\n".format,
    ) -> None:
        self.dropped = 0
        self._write = write
        self._capacity = capacity
        self._notice = notice
        self._lines: deque[str] = deque()
        self._closing = False
        self._ready = threading.Condition()
        self._thread = threading.Thread(target=self._drain, name="log-sink", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Take one line, with its end; returns at once."""
        with self._ready:
            if self._closing or len(self._lines) >= self._capacity:
                self.dropped += 1
                return
            self._lines.append(line)
            self._ready.notify()

    def close(self, deadline: float = 1.0) -> None:
        """Write what waits, for at most ``deadline`` seconds; later lines are dropped."""
        with self._ready:
            self._closing = True
            self._ready.notify()
        self._thread.join(deadline)

    def _drain(self) -> None:
        told = 0
        while lines := self._take():
            dropped = self.dropped
            news = self._notice(dropped - told) if dropped > told else ""
            try:
                self._write("".join(lines) + news)
                told = dropped
            except (OSError, ValueError):  # full, broken or closed: serving goes on
                with self._ready:
                    self.dropped += len(lines)

    def _take(self) -> Sequence[str]:
        """Wait for lines and return them all; none when closed and empty."""
        with self._ready:
            while not self._lines and not self._closing:
                self._ready.wait()
            lines = tuple(self._lines)
            self._lines.clear()
            return lines


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
    """Return a line of the log about itself."""
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
    return [
        structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback
        )
    ]


class _Printer:
    """structlog's last step: every level's method takes the rendered line."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def msg(self, line: str) -> None:
        self._sink.write(line + "\n")

    debug = info = warning = error = critical = exception = log = msg


class _Handler(logging.Handler):
    """The standard library's way to the same sink."""

    def __init__(self, sink: Sink, formatter: logging.Formatter) -> None:
        super().__init__()
        self.formatter: logging.Formatter = formatter
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record) + "\n"
        except Exception:  # noqa: BLE001 - wrong arguments must not fail the one who logs
            # Where it was, without the arguments: `handleError` would print those to stderr.
            where = f"{record.filename}:{record.lineno}"
            line = _line(self.formatter, f"a log line could not be formatted at {where}")
        self._sink.write(line)


def writer(stream: TextIO) -> Callable[[str], object]:
    """Return what writes to ``stream``, past its buffer where it has a file descriptor.

    A thread that blocks inside a buffered write holds its lock, and the interpreter aborts when
    it cannot flush standard error at its end.
    """
    try:
        descriptor = stream.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return stream.write
    return lambda text: _write_all(descriptor, text.encode("utf-8", "backslashreplace"))


def _write_all(descriptor: int, text: bytes) -> None:
    while text:
        try:
            text = text[os.write(descriptor, text) :]
        except BlockingIOError:  # someone else made the pipe or terminal non-blocking
            select.select([], [descriptor], [])
