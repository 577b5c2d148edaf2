"""The state directory's files: where they are, how they are locked, replaced and loaded."""

import errno
import fcntl
import os
import ssl
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import msgspec

LOCK_LIMIT = 10.0  # seconds to wait for another proxy that shares the directory
LOCK_RETRY = 0.05  # seconds
LOCK_MODE = 0o600


class Certificate(msgspec.Struct, frozen=True):
    """Files of the server's certificate chain and key; ``ca_file`` is what clients trust."""

    cert_file: Path
    key_file: Path
    ca_file: Path | None = None


def kept(directory: Path) -> Certificate:
    """Return the files that `ensure` keeps in ``directory``, whether they exist or not."""
    return Certificate(directory / "server.crt", directory / "server.key", directory / "ca.crt")


def load(context: ssl.SSLContext, certificate: Certificate) -> None:
    """Load a certificate and its key, while nobody replaces one of them."""
    made = certificate.ca_file is not None
    lock = locked(certificate.cert_file.parent / "lock") if made else nullcontext()
    with lock:
        # An encrypted key fails with the empty password instead of asking the terminal for one.
        context.load_cert_chain(certificate.cert_file, certificate.key_file, password="")


def recorded(file: Path) -> tuple[str, ...]:
    """Return the names that were written to a file; none when there is no such file."""
    try:
        return tuple(file.read_text(encoding="utf-8").split())
    except (FileNotFoundError, UnicodeDecodeError):
        return ()


def write(file: Path, content: bytes, mode: int) -> None:
    """Replace ``file`` as a whole; it never exists with a wider mode or half its content."""
    temporary = file.with_name(f"{file.name}.tmp")
    temporary.unlink(missing_ok=True)  # of a start that died
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
    temporary.replace(file)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the lock of a state directory; raises TimeoutError naming it after `LOCK_LIMIT`."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b"):
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != LOCK_MODE:
            with suppress(PermissionError):  # a file that another user made
                os.fchmod(descriptor, LOCK_MODE)
        _wait_for(descriptor, file)
        yield


def _wait_for(descriptor: int, file: Path) -> None:
    """Lock; whoever holds it works for milliseconds, unless it is stuck."""
    deadline = time.monotonic() + LOCK_LIMIT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise TimeoutError(
                    errno.ETIMEDOUT,
                    f"another process has held {file} for {LOCK_LIMIT:g} seconds: stop it",
                ) from None
        time.sleep(LOCK_RETRY)
