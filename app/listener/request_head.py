"""The short way of a request's head through h11, for most of what comes over HTTP/1.1.

h11 takes 5 µs for each field. A head that one regular expression takes for an ordinary one is cut
into its fields at once, and begins its exchange at once (`app.listener.server_codec`). Everything
else goes to h11, which says what is wrong with it. A property test holds both ways to the same
requests and errors.
"""

import re
from typing import NamedTuple

import h11
from h11._headers import Headers as Headers11
from h11._receivebuffer import ReceiveBuffer

from ..wire.grammar import is_host
from ..wire.headers import KEEP_ALIVE, Headers, Sound

_LONGEST = 19  # digits of a length; h11 refuses more than 20
# A path as target, and fields whose values are visible ASCII, without blanks around them.
_ORDINARY = re.compile(
    rb"([A-Z]+) (/[!-~]*) HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [!-~][\t -~]*(?<![\t ])\r\n)+)\r\n"
)
_FIELD = re.compile(rb"([^:]+): ([^\r]+)\r\n")
# Fields that decide where a message ends, or what becomes of its connection.
_DECISIVE = frozenset(
    {b"connection", b"content-length", b"expect", b"host", b"transfer-encoding", b"upgrade"}
)
_ORDINARILY = {b"connection", b"content-length", b"host"}
NAMES = 256  # names that are remembered; values are not, since they may be secrets
LONGEST_NAME = 64  # bytes of one


class _Lowered(dict[bytes, bytes]):
    """Names in lower case. The same name is the same object, whose hash is known."""

    def __missing__(self, name: bytes) -> bytes:
        lowered = name.lower()
        if len(self) < NAMES and len(name) <= LONGEST_NAME:
            self[name] = lowered
        return lowered


_LOWERED = _Lowered()


class Head(NamedTuple):
    """A request's head: its fields as they came, and with lower-case names; the body's length.

    ``end`` is where it ends in what was parsed.
    """

    method: bytes
    target: bytes
    raw: Headers
    fields: Sound
    length: int
    end: int


def parse(data: bytes | bytearray) -> Head | None:
    """Return the head that ``data`` begins with, if that is ordinary."""
    found = _ORDINARY.match(data)
    if found is None:
        return None
    method, target, section = found.groups()
    raw: Headers = _FIELD.findall(section)
    fields = Sound([(_LOWERED[name], value) for name, value in raw])
    length = _length(fields)
    if length is None or method == b"CONNECT":
        return None
    return Head(method, target, raw, fields, length, found.end())


def read(buffer: ReceiveBuffer) -> tuple[h11.Request, int] | None:
    """Take a request's head out of ``buffer``, and the length of its body; None leaves it to h11.

    One that comes in pieces is matched again when its end is here: to match it with each piece
    would cost 2 ms for a byte behind 64 KB.
    """
    head = parse(buffer._data) if _may_be_whole(buffer) else None  # noqa: SLF001
    if head is None:
        return None
    buffer._extract(head.end)  # type: ignore[no-untyped-call, unused-ignore] # noqa: SLF001
    return _request(head), head.length


def _request(head: Head) -> h11.Request:
    """Return a request that needs no check: h11's constructor looks at each field."""
    made = object.__new__(h11.Request)
    parts = (("method", head.method), ("target", head.target), ("http_version", b"1.1"))
    for name, value in parts:
        object.__setattr__(made, name, value)
    pairs = zip(head.raw, head.fields, strict=True)
    fields = [(name, lowered, value) for (name, _), (lowered, value) in pairs]
    object.__setattr__(made, "headers", Headers11(fields))
    return made


def _may_be_whole(buffer: ReceiveBuffer) -> bool:
    """Return True unless h11 has looked for the end, and nothing since has brought it."""
    searched = buffer._multiple_lines_search  # noqa: SLF001
    return not searched or buffer._data.find(b"\r\n\r\n", searched - 1) >= 0  # noqa: SLF001


def _length(fields: Headers) -> int | None:
    """Return the length of the body, None if anything else than that and one host is said."""
    said = [field for field in fields if field[0] in _DECISIVE]
    decisive = dict(said)
    length = decisive.get(b"content-length", b"0")
    ordinary = (
        len(said) == len(decisive)
        and is_host(decisive.get(b"host", b""))
        and decisive.keys() <= _ORDINARILY
        and decisive.get(b"connection", KEEP_ALIVE).lower() == KEEP_ALIVE
        and length.isdigit()
        and len(length) <= _LONGEST
    )
    return int(length) if ordinary else None
