"""A certificate that lasts: kept as long as it is valid, then made again by ``issuing``.

Looking at certificates takes a library that is slow to import, so what was found is written down
in ``server.checked``: a digest of the files, the day until which they are good, the names that the
leaf covers. A start that finds the same files needs no more.
"""

import hashlib
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from .files import Certificate, kept, locked, recorded, write
from .validity import Checked, plain

WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - addresses that no client can use
FILES = ("ca.crt", "ca.key", "server.crt", "server.key", "server.names")
CHECKED = "server.checked"


def local_names(host: str | None = None) -> tuple[str, ...]:
    """Return the names that a client may use: of this machine, and the ``host`` listened on."""
    names = ("localhost", "127.0.0.1", "::1", socket.gethostname().lower(), (host or "").lower())
    return tuple(dict.fromkeys(name for name in names if name not in ("", *WILDCARDS)))


def ensure(
    directory: Path,
    names: tuple[str, ...],
    now: datetime | None = None,
    *,
    added: tuple[str, ...] = (),
) -> Certificate:
    """Return a certificate for ``names`` that lasts for `validity.RENEWAL`; make it if needed.

    ``added`` are the names that the user asked for: one that is asked for no longer goes, while
    replicas that share the directory keep each other's ``names``, as far as the CA permits them.

    Raises OSError when ``directory`` cannot be written.
    """
    now = now or datetime.now(UTC)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(directory / "lock"):
        if not _still_good(directory, (*names, *added), added, now):
            from . import issuing  # noqa: PLC0415 - cryptography takes 0.1 s

            _note(directory, issuing.renew(directory, names, added, now))
    return kept(directory)


def _still_good(
    directory: Path, wanted: tuple[str, ...], added: tuple[str, ...], now: datetime
) -> bool:
    found = _checked(directory)
    return (
        found is not None
        and now < found.until
        and found.names >= set(map(plain, wanted))
        and recorded(directory / "server.names") == added
    )


def _checked(directory: Path) -> Checked | None:
    """Return what was found of exactly these files, or None."""
    try:
        digest, until, *names = (directory / CHECKED).read_text(encoding="utf-8").splitlines()
        if digest != _digest(directory):
            return None
        return Checked(datetime.fromisoformat(until), frozenset(names))
    except (OSError, ValueError):
        return None


def _note(directory: Path, found: Checked) -> None:
    lines = (_digest(directory), found.until.isoformat(), *sorted(found.names))
    with suppress(OSError):  # then the next start looks again
        write(directory / CHECKED, "\n".join(lines).encode(), 0o600)


def _digest(directory: Path) -> str:
    """Return a digest of the files; one that is missing counts as empty."""
    whole = hashlib.sha256()
    for name in FILES:
        content = b""
        with suppress(FileNotFoundError):
            content = (directory / name).read_bytes()
        whole.update(hashlib.sha256(content).digest())
    return whole.hexdigest()
