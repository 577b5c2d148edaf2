"""Checks the pair of files that a user brings; a pair without problems is found out fast.

`inspection` says what is wrong, but needs a library that takes 30 ms to import and 10 MB of memory.
A handshake in memory shows what is right: that the key fits, and how long the certificate lasts.
"""

import ssl
import stat
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .validity import RENEWAL, seconds


def problems(cert_file: Path, key_file: Path, now: datetime | None = None) -> list[str]:
    """Return what is questionable about a usable pair of files.

    Raises ValueError when they cannot be used at all, with the reason.
    """
    now = now or datetime.now(UTC)
    if _is_sound(cert_file, key_file, now):
        return []
    from . import inspection  # noqa: PLC0415 - see above

    return inspection.problems(cert_file, key_file, now)


def _is_sound(cert_file: Path, key_file: Path, now: datetime) -> bool:
    """Return True only for a pair without any problem."""
    try:
        shared = key_file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        leaf: Any = _shown(cert_file, key_file)
        begin, end = (seconds(leaf[name]) for name in ("notBefore", "notAfter"))
    except (OSError, ValueError, KeyError, TypeError):  # SSLError is an OSError
        return False
    return not shared and begin <= now.timestamp() <= end - RENEWAL.total_seconds()


def _shown(cert_file: Path, key_file: Path) -> Any:
    """Return what a client sees that trusts all of the chain; raises OSError."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(cert_file, key_file, password="")  # it asks nobody
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.load_verify_locations(cert_file)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(back, there)
    server = serving.wrap_bio(there, back, server_side=True)
    for side in (client, server, client):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return client.getpeercert()
