"""The ledger's file: where it is, that nobody else may read it, and when it is set aside."""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog

NAME = "ledger.sqlite"
DEMO_NAME = "ledger.demo.sqlite"
MODE = 0o600
PATIENCE = 5.0  # seconds to wait for another process that opens the ledger
PAUSE = 0.01  # seconds between two tries
COMPANIONS = ("", "-wal", "-shm")  # SQLite's own files beside it

log = structlog.get_logger(__name__)


class UnusableLedger(Exception):
    """The file is damaged, of a newer version, or no ledger at all; the message says which."""


def ledger_file(state_dir: Path, *, simulated: bool = False) -> Path:
    """Return where the ledger of a state directory is; what a demo costs is kept apart."""
    return state_dir / (DEMO_NAME if simulated else NAME)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other processes from opening or setting aside a ledger meanwhile.

    Raises BlockingIOError when one is at it for too long. A file system without locks is used
    without.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Take the lock; workers that start together want it at the same time."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise
            time.sleep(PAUSE)
        except OSError:
            return
        else:
            return


def make_private(path: Path) -> os.stat_result:
    """Create the file if necessary, for this user only; it must be a regular file."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE))
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait forever
        raise UnusableLedger("it is not a regular file")
    if stat.S_IMODE(found.st_mode) & ~MODE:
        path.chmod(MODE)
    return found


def aside(path: Path, stamp: str) -> Path:
    """Return the name of a file that was set aside at ``stamp``."""
    return path.with_name(f"{path.stem}.set-aside-{stamp}{path.suffix}")


def set_aside(path: Path, reason: str) -> None:
    """Rename the file and its companions, so that nothing of it is lost."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    kept = aside(path, stamp)
    for companion in COMPANIONS:
        with suppress(FileNotFoundError):
            Path(f"{path}{companion}").replace(f"{kept}{companion}")
    log.warning("ledger moved aside; a new one was started", reason=reason, kept=str(kept))
