"""The short way of a request's head through h11, for most of what comes over HTTP/1.1.

h11 takes 5 µs for each field. A head that is ordinary is cut into its fields at once, by what bytes
can do themselves (a regular expression takes three times as long), and begins its exchange at once
(`app.listener.server_codec`). Everything else goes to h11, which says what is wrong with it. A
property test holds both ways to the same requests and errors.
"""

from typing import NamedTuple

import h11
from h11._headers import Headers as Headers11
from h11._receivebuffer import ReceiveBuffer

from ..wire.grammar import is_host, is_token
from ..wire.headers import KEEP_ALIVE, Headers, Sound

_LONGEST = 19  # digits of a length; h11 refuses more than 20
_END = b"\r\n\r\n"
_USUAL = bytes((ord("\t"), *range(0x20, 0x7F)))  # in a head, between the ends of its lines
_BLANKS_AROUND = (b":  ", b": \t", b" \r\n", b"\t\r\n")  # a value; the first two may be within
# Fields that decide where a message ends, or what becomes of its connection.
_DECISIVE = frozenset(
    {b"connection", b"content-length", b"expect", b"host", b"transfer-encoding", b"upgrade"}
)
_EXTRAORDINARY = _DECISIVE - {b"connection", b"content-length", b"host"}
NAMES = 256  # names that are remembered; values are not, since they may be secrets
LONGEST_NAME = 64  # bytes of one


class _Lowered(dict[bytes, bytes]):
    """Names in lower case; raises KeyError for what is none.

    The same name is the same object, whose hash is known.
    """

    def __missing__(self, name: bytes) -> bytes:
        if not is_token(name):
            raise KeyError(name)
        lowered = name.lower()
        if len(self) < NAMES and len(name) <= LONGEST_NAME:
            self[name] = lowered
        return lowered


_LOWERED = _Lowered()


class Head(NamedTuple):
    """A request's head: its ``fields`` with lower-case names, and the body's ``length``.

    ``parts`` are its lines around their colons, and ``end`` is where it ends in what was parsed.
    """

    method: bytes
    target: bytes
    parts: list[tuple[bytes, bytes, bytes]]
    fields: Sound
    length: int
    end: int

    @property
    def raw(self) -> Headers:
        """The fields as they came."""
        return [(name, value) for name, _, value in self.parts]


def parse(data: bytes | bytearray) -> Head | None:
    """Return the head that ``data`` begins with, if that is ordinary."""
    end = data.find(_END)
    if end < 0:
        return None
    head = bytes(data[: end + 2])
    start, *lines, _ = head.split(b"\r\n")
    line = _request_line(start)
    if line is None or not _is_plain(head, len(lines) + 1):
        return None
    parts = [each.partition(b": ") for each in lines]
    try:
        fields = Sound([(_LOWERED[name], value) for name, colon, value in parts if colon])
    except KeyError:
        return None
    length = _length(fields) if len(fields) == len(lines) else None
    return None if length is None else Head(*line, parts, fields, length, end + len(_END))


def _request_line(line: bytes) -> tuple[bytes, bytes] | None:
    """Return method and target, if that is a path."""
    method, _, rest = line.partition(b" ")
    target, _, version = rest.partition(b" ")
    ordinary = (
        version == b"HTTP/1.1"
        and method.isalpha()
        and method.isupper()
        and method != b"CONNECT"
        and target.startswith(b"/")
        and target.find(b"\t") < 0
    )
    return (method, target) if ordinary else None


def _is_plain(head: bytes, lines: int) -> bool:
    """Return True for visible ASCII in so many lines, without blanks around values."""
    return head.translate(None, _USUAL) == b"\r\n" * lines and not [
        blank for blank in _BLANKS_AROUND if head.find(blank) >= 0
    ]


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
    said = dict(fields)
    if len(said) < len(fields):  # a name is repeated
        decisive = [name for name, _ in fields if name in _DECISIVE]
        if len(decisive) > len({*decisive}):
            return None
    length = said.get(b"content-length", b"0")
    ordinary = (
        is_host(said.get(b"host", b""))
        and _EXTRAORDINARY.isdisjoint(said)
        and said.get(b"connection", KEEP_ALIVE).lower() == KEEP_ALIVE
        and length.isdigit()
        and len(length) <= _LONGEST
    )
    return int(length) if ordinary else None
