"""The file of what was announced, shared by all processes of one state directory.

A line for each threshold of each period, with the date: ``2026-11-27 3f0c… 80``. The period is a
hash: the file names no session.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .meter import Reached

NAME = "budgets.announced"
MODE = 0o600
KEPT = 20_000  # lines, the newest; about 1 MB


class Announced:
    """Claims announcements: each one is granted once. State: ``_claimed``, for a full disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._claimed: dict[str, int] = {}

    def claim(self, reached: Iterable[Reached], day: str) -> list[Reached]:
        """Return those that nobody has announced, and note them; may block.

        Raises OSError after noting them in memory, so that this process repeats none.
        """
        wanted = {_mark(one): one for one in reached}
        granted = {
            mark: one for mark, one in wanted.items() if self._claimed.get(mark, 0) < one.threshold
        }
        self._claimed |= {mark: one.threshold for mark, one in granted.items()}
        while len(self._claimed) > KEPT:
            del self._claimed[next(iter(self._claimed))]
        return self._note(granted, day) if granted else []

    def _note(self, granted: dict[str, Reached], day: str) -> list[Reached]:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
        with os.fdopen(descriptor, "r+", encoding="ascii", errors="replace") as file:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
            lines = file.read().splitlines()[-KEPT:]
            known = _highest(lines)
            new = {m: one for m, one in granted.items() if known.get(m, 0) < one.threshold}
            lines += [f"{day} {mark} {one.threshold}" for mark, one in new.items()]
            file.seek(0)
            file.write("".join(f"{line}\n" for line in lines[-KEPT:]))
            file.truncate()
        return [*new.values()]


def _highest(lines: Iterable[str]) -> dict[str, int]:
    """Return the highest threshold of each mark; a line that is damaged counts for nothing."""
    highest: dict[str, int] = {}
    for line in lines:
        parts = line.split()
        if len(parts) == 3 and parts[2].isascii() and parts[2].isdigit():  # noqa: PLR2004 - date, mark, threshold
            highest[parts[1]] = max(highest.get(parts[1], 0), int(parts[2][:4]))
    return highest


def _mark(reached: Reached) -> str:
    """Return what stands for a budget, its amount and a period: a raised one starts again."""
    text = f"{reached.budget.name}\0{reached.budget.limit}\0{reached.period}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
