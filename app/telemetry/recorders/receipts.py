"""Leak receipts: the findings of each request, appended to a file by a thread.

A full or slow disk loses receipts, never a request: lost receipts are counted, and the next line
says how many are missing (``lost``). Several processes may share a file: each holds a
lock while it appends, and reads where the chain ends if another has written since.
"""

import errno
import fcntl
import os
import queue
import re
import stat
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from ...exchange import Exchange
from ...scrubber.redact.receipts import Head, head_of, link, read_head, sealing_key
from ..entry import Entry
from ..instruments import Instruments

WAITING = 1_000  # receipts that wait for the disk; with a few hundred bytes each, below 1 MB
LAST_LINE = 4 * 2**20  # bytes in which the last line of a file is looked for
RESULTS = ("written", "failed", "dropped")
_TOOL = re.compile(r"[A-Za-z0-9_.-]{1,64}")  # a model chooses these names

log = structlog.get_logger(__name__)


class ReceiptFile:
    """Appends records to the chain in ``path``; ``count`` gets the result of each.

    State: ``_waiting``, ``_lost`` records since the last that was written, the thread.
    """

    def __init__(self, path: Path, key: bytes, capacity: int = WAITING) -> None:
        self.count: Callable[[str, int], None] = lambda _result, _number: None
        self._path = path
        self._head_path = path.with_name(path.name + ".head")
        self._key = sealing_key(key)
        self._waiting: queue.Queue[Mapping[str, Any] | None] = queue.Queue(capacity)
        self._lost = 0
        self._thread: threading.Thread | None = None

    def put(self, record: Mapping[str, Any]) -> None:
        """Queue a record; never blocks."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="receipts", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self._lose(1, "dropped")

    def close(self, deadline: float = 2.0) -> None:
        """Write the queued records, for at most ``deadline`` seconds."""
        if self._thread is not None:
            with suppress(queue.Full):
                self._waiting.put(None, timeout=deadline)
            self._thread.join(deadline)

    def _run(self) -> None:
        ended = False
        while not ended:
            records = [self._waiting.get()]
            while not self._waiting.empty():
                records.append(self._waiting.get())
            ended = None in records
            self._write([record for record in records if record is not None])

    def _write(self, records: list[Mapping[str, Any]]) -> None:
        if not records:
            return
        try:
            self._append(records)
        except OSError as exc:
            if not self._lost:
                log.warning("receipts cannot be written", error=exc.strerror)
            self._lose(len(records), "failed")
        else:
            self.count("written", len(records))

    def _lose(self, number: int, result: str) -> None:
        self._lost += number
        self.count(result, number)

    def _append(self, records: list[Mapping[str, Any]]) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self._path, flags, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
            os.fchmod(file, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed
            size, head = self._end(file)
            lost = self._lost
            lines = []
            for index, record in enumerate(records):
                numbered = {**record, "lost": lost} if lost and not index else record
                line, head = link(numbered, head, self._key)
                lines.append(line)
            try:
                _write_all(file, b"".join(lines))
            except OSError:
                os.ftruncate(file, size)  # half a line would look like a forgery
                raise
            self._lost -= lost
            self._keep(head)
        finally:
            os.close(file)

    def _end(self, file: int) -> tuple[int, Head]:
        """Return where the chain continues; cut off a line that a crash left incomplete.

        A file that ends before its head was shortened. The chain then continues from the head, so
        that the gap stays visible.
        """
        size = os.fstat(file).st_size
        start = max(0, size - LAST_LINE)
        text = os.pread(file, size - start, start)
        whole = text[: text.rfind(b"\n") + 1]
        if len(whole) < len(text):
            size = start + len(whole)
            os.ftruncate(file, size)
        last = head_of(whole.splitlines(keepends=True)[-1]) if whole else None
        kept = self._kept()
        if last is None or (kept is not None and kept.sequence > last.sequence):
            return size, kept or Head()
        return size, last

    def _kept(self) -> Head | None:
        try:
            return read_head(self._head_path.read_bytes(), self._key)
        except OSError:
            return None

    def _keep(self, head: Head) -> None:
        """Replace the head file. If that fails, it lags behind, as after a crash."""
        new = self._head_path.with_name(self._head_path.name + ".new")
        with suppress(OSError):
            file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            try:
                _write_all(file, head.as_bytes(self._key))
            finally:
                os.close(file)
            new.replace(self._head_path)


class Receipts:
    """Makes a receipt of every exchange whose request had findings."""

    def __init__(self, instruments: Instruments, file: ReceiptFile | None) -> None:
        self._file = file
        results = instruments.counters(
            "scrub_receipts_total",
            "Leak receipts, by result",
            "result",
            known=[(result,) for result in RESULTS],
        )
        if file is not None:
            file.count = lambda result, number: results(result).inc(number)

    def record(self, entry: Entry) -> None:
        """Pass the receipt of an exchange to the file."""
        report = entry.exchange.scrub
        if self._file is not None and report is not None and report.hits:
            self._file.put(receipt(entry))


def receipt(entry: Entry) -> dict[str, Any]:
    """Return the receipt of an exchange; it never holds a value."""
    exchange, report = entry.exchange, entry.exchange.scrub
    time = datetime.fromtimestamp(exchange.started_at, UTC).isoformat(timespec="milliseconds")
    return {
        "time": time,
        "request_id": entry.ids.get("request_id"),
        "session_id": entry.ids.get("session_id"),
        "replaced": exchange.modified,
        "hits": [
            {
                "detector": hit.detector,
                "hmac": hit.digest,
                "placeholder": hit.placeholder,
                "count": hit.count,
                "paths": list(hit.paths),
                "restored": _places(exchange, hit.placeholder),
            }
            for hit in (report.hits if report is not None else ())
        ],
        "refused": dict(exchange.refused),
    }


def _places(exchange: Exchange, placeholder: str) -> dict[str, int]:
    places: dict[str, int] = {}
    for name, count in exchange.places.get(placeholder, {}).items():
        shown = name if _TOOL.fullmatch(name) else "other"
        places[shown] = places.get(shown, 0) + count
    return places


def _write_all(file: int, text: bytes) -> None:
    while text:
        text = text[os.write(file, text) :]
