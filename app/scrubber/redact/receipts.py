"""Leak receipts: one line for a request in which something was found, chained by hashes. Pure.

A line is a JSON object. ``previous`` is the ``hash`` of the line before, ``hash`` is the SHA-256 of
the line without its last two members, ``seal`` is an HMAC of the hash under a key derived from the
user's. So an edited, deleted, inserted or moved line shows; who has no key cannot make a chain that
verifies with it. Lines cut off at the end show against a `Head`, which is kept beside the file.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

_START = "0" * 64
_SEALED = re.compile(rb'(\{.*),"hash":"([0-9a-f]{64})","seal":"([0-9a-f]{64})"\}', re.DOTALL)
SHOWN_PATHS = 16  # of one value in one request; all are counted


class Hit(msgspec.Struct, frozen=True):
    """One value in one request: its HMAC-SHA256, and the JSON paths where it stands."""

    detector: str
    digest: str
    placeholder: str
    paths: tuple[str, ...]
    count: int


class Head(NamedTuple):
    """The end of a chain: the number of its last line, and that line's hash."""

    sequence: int = 0
    hash: str = _START

    def as_bytes(self, key: bytes) -> bytes:
        """Return the head as it is kept in a file."""
        return _sealed(json.dumps(self._asdict(), separators=(",", ":")).encode(), key) + b"\n"


class Verdict(NamedTuple):
    """How many lines are good, from the first on, and what is wrong with the next."""

    good: int
    fault: str | None = None


def sealing_key(key: bytes) -> bytes:
    """Return the key of the seals."""
    return hmac.new(key, b"anthropic-proxy receipts", hashlib.sha256).digest()


def link(record: Mapping[str, Any], head: Head, key: bytes) -> tuple[bytes, Head]:
    """Return the line that says ``record``, and the head after it."""
    numbered = {"sequence": head.sequence + 1, "previous": head.hash, **record}
    body = json.dumps(numbered, separators=(",", ":")).encode()
    return _sealed(body, key) + b"\n", Head(head.sequence + 1, hashlib.sha256(body).hexdigest())


def head_of(line: bytes) -> Head | None:
    """Return the head after a line; None for one that is damaged."""
    body = _checked(line, None)
    if body is None:
        return None
    return Head(body["sequence"], hashlib.sha256(_body(line)).hexdigest())


def read_head(text: bytes, key: bytes | None) -> Head | None:
    """Read a head that was kept; None for one that is damaged or sealed with another key."""
    members = _checked(text, key)
    if members is None or not isinstance(members.get("hash"), str):
        return None
    return Head(members["sequence"], members["hash"])


def verify(lines: Iterable[bytes], key: bytes | None, head: Head | None) -> Verdict:
    """Check a chain from its start; without a ``key`` the seals are not checked."""
    at, seen = Head(), head is None or head.sequence == 0
    for line in lines:
        fault = _fault(line, at, key)
        if fault is not None:
            return Verdict(at.sequence, fault)
        at = Head(at.sequence + 1, hashlib.sha256(_body(line)).hexdigest())
        if head is not None and at.sequence == head.sequence:
            if at.hash != head.hash:
                return Verdict(at.sequence, "is not the line that the head file names")
            seen = True
    return Verdict(at.sequence, None if seen else "and all after it are missing")


def _fault(line: bytes, before: Head, key: bytes | None) -> str | None:
    if not line.endswith(b"\n"):
        return "is incomplete"
    members = _checked(line, None)
    if members is None:
        return "was changed"
    if members["sequence"] != before.sequence + 1 or members.get("previous") != before.hash:
        return "does not follow the line before it"
    if key is not None and _checked(line, key) is None:
        return "was sealed with another key"
    return None


def _sealed(body: bytes, key: bytes) -> bytes:
    digest = hashlib.sha256(body).hexdigest()
    return b'%s,"hash":"%s","seal":"%s"}' % (body[:-1], digest.encode(), _seal(digest, key))


def _seal(digest: str, key: bytes) -> bytes:
    return hmac.new(key, digest.encode(), hashlib.sha256).hexdigest().encode()


def _body(line: bytes) -> bytes:
    sealed = _SEALED.fullmatch(line.rstrip(b"\n"))
    return b"" if sealed is None else sealed[1] + b"}"


def _checked(line: bytes, key: bytes | None) -> dict[str, Any] | None:
    """Return the members of a line whose hash, and seal, are right."""
    sealed = _SEALED.fullmatch(line.removesuffix(b"\n"))
    if sealed is None:
        return None
    body, digest = sealed[1] + b"}", sealed[2].decode()
    if hashlib.sha256(body).hexdigest() != digest:
        return None
    if key is not None and not hmac.compare_digest(_seal(digest, key), sealed[3]):
        return None
    try:
        members = json.loads(body)
    except ValueError:
        return None
    return members if isinstance(members.get("sequence"), int) else None
