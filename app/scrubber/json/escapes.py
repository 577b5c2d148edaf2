r"""JSON's escapes: one spelling of printable ASCII for the scan, and values out of strings.

A client may write any character as ``\uXXXX`` and ``/`` as ``\/`` (RFC 8259 §7). In a `View`
printable ASCII is written as itself (except ``\"`` and ``\\``) and a line feed as ``\n``, so that a
detector needs to know one spelling only; its spans are translated back to the original's.
"""

import json
import re
from array import array
from bisect import bisect_right

import msgspec

from ..automaton import compiled, search
from .spans import cut

_ESCAPE = re.compile(rb"\\(?:u00([2-7][0-9a-fA-F]|0[89aAcCdD])|/)")
_any_escape = search(compiled(r"\\(?:u00(?:[2-7]|0[89aAcCdD])|/)"))
_BACKSLASH = 0x5C
_PIECES = 4096  # that are joined at a time: a call for millions would hold up everything else
_MUST_STAY = {0x22: b'\\"', 0x5C: b"\\\\", 0x7F: b"\\u007f"}
_MUST_STAY |= {0x08: b"\\b", 0x09: b"\\t", 0x0A: b"\\n", 0x0C: b"\\f", 0x0D: b"\\r"}
_PLAIN = re.compile(r"[ !#-\[\]-~]+")
_UNIT = 6  # bytes of \uXXXX
_RUN = re.compile(rb"(?:\\\\)*+(?:\\[\"/]|\\?+(?>(?:[bfnrt]|u[0-9a-fA-F]{4})?))")
_ESCAPES = re.compile(rb"(?:\\\\)*+(?P<last>(?>(?:\\(?:u[0-9a-fA-F]{4}|[^\\]))?))")
_CHARACTER = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{1,3}+")
_CONTINUATION = range(0x80, 0xC0)  # bytes of UTF-8 after a character's first
_BACKSLASHES = re.compile(rb"(?:\\\\)++(?!\\)")
_ESC = (b"\\u001b", b"\\u001B")
_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_GOOD_ESCAPES = compiled(r'(?s)(?:[^\\]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*')
_ESCAPED_UNIT = re.compile(r"\\(?:u[0-9a-f]{4}|.)")
SURROGATE = re.compile("[\ud800-\udfff]")


def _offsets() -> "array[int]":
    """Return an empty array of offsets: millions of them are released at once, unlike numbers."""
    return array("q")


_NONE = _offsets()


class View(msgspec.Struct, frozen=True):
    """``text`` with plain spelling; ``marks`` and ``shifts`` lead back to the original.

    From an offset in ``marks`` on, the shift beside it is added.
    """

    text: bytes
    marks: "array[int]" = _NONE
    shifts: "array[int]" = _NONE

    def original(self, offset: int) -> int:
        """Return where ``offset`` lies in the original."""
        if not self.marks:
            return offset
        index = bisect_right(self.marks, offset) - 1
        return offset + self.shifts[index] if index >= 0 else offset


def view(original: bytes) -> View:
    """Return the plain spelling of JSON text."""
    if _any_escape(original, 0, len(original)) < 0:
        return View(original)  # as nearly always
    whole: list[bytes] = []
    pieces: list[bytes] = []
    marks, shifts = _offsets(), _offsets()
    copied = size = 0
    for escape in _ESCAPE.finditer(original):
        if _is_escaped(original, escape.start()):
            continue
        code = int(escape[1] or b"2f", 16)
        plain = _MUST_STAY.get(code, bytes([code]))
        pieces += cut(original, copied, escape.start()), plain
        if len(pieces) >= _PIECES:
            whole.append(b"".join(pieces))
            pieces.clear()
        size += escape.start() - copied + len(plain)
        copied = escape.end()
        marks.append(size)
        shifts.append(copied - size)
    if not marks:
        return View(original)
    return View(b"".join([*whole, *pieces, cut(original, copied, len(original))]), marks, shifts)


def _is_escaped(text: bytes, backslash: int) -> bool:
    """Return True if a backslash is the second half of an escape: an odd number stand before it."""
    return (backslash - _run_start(text, backslash)) % 2 == 1


def _run_start(text: bytes, backslash: int) -> int:
    """Return where the run of backslashes that ``backslash`` belongs to starts."""
    while backslash and text[backslash - 1] == _BACKSLASH:
        backslash -= 1
    return backslash


def _lead(text: bytes, offset: int) -> int:
    """Return where the UTF-8 character that ``offset`` lies in starts."""
    lead = offset
    while lead > max(0, offset - 3) and text[lead] in _CONTINUATION:
        lead -= 1
    return lead


def escape_around(text: bytes, offset: int) -> tuple[int, int] | None:
    r"""Return the span of the escape or character that ``offset`` would cut in two, if any.

    A run of backslashes and what it escapes are one escape, whatever their number: in JSON inside
    of JSON ``\\n`` is a line feed. A surrogate pair is one character, and so are UTF-8's bytes.
    """
    floor = offset - _UNIT if offset > _UNIT else 0
    backslash = text.rfind(b"\\", floor, offset)
    if backslash >= 0 and _PAIR.match(text, floor) is not None:
        return floor, floor + 2 * _UNIT
    if text[offset : offset + 1] >= b"\x80":
        character = _CHARACTER.match(text, _lead(text, offset))
        return None if character is None or character.start() == offset else character.span()
    if backslash < 0:
        return None
    first = _run_start(text, backslash)
    # A backslash behind ESC ends a terminal's command: it escapes nothing.
    escape = _BACKSLASHES.match(text, first) if text.endswith(_ESC, 0, first) else None
    escape = escape or _RUN.match(text, first)
    if escape is None or escape.end() <= offset:
        return None
    start, end = escape.span()
    if _PAIR.match(text, max(0, start - _UNIT)) is not None:
        return start - _UNIT, end
    return start, end + _UNIT if _PAIR.match(text, end - _UNIT) is not None else end


def is_cut(text: bytes, offset: int) -> bool:
    """Return True if ``offset`` lies inside an escape of the text itself, or inside a character.

    Unlike `escape_around` it does not look into JSON inside of JSON.
    """
    if text[offset : offset + 1] >= b"\x80":
        return _lead(text, offset) != offset
    backslash = text.rfind(b"\\", max(0, offset - _UNIT), offset)
    if backslash < 0:
        return False
    escapes = _ESCAPES.match(text, _run_start(text, backslash))
    if escapes is None or offset <= escapes.start("last"):
        return escapes is not None and (offset - escapes.start()) % 2 == 1
    return offset < escapes.end()


def widened(text: bytes, start: int, end: int) -> tuple[int, int]:
    """Return a span that cuts no escape: one cut at its start or end belongs to it whole."""
    if text.find(b"\\", max(0, start - _UNIT), end) < 0 and text[start : end + 1].isascii():
        return start, end  # as nearly always
    first, last = escape_around(text, start), escape_around(text, end)
    return first[0] if first else start, last[1] if last else end


def has_good_escapes(text: bytes) -> bool:
    """Return True if every backslash of JSON text begins an escape of RFC 8259."""
    return _GOOD_ESCAPES.fullmatch(text) is not None


def value(escaped: bytes) -> str:
    """Return what a stretch of a JSON string stands for, whatever its bytes."""
    text = escaped.decode("utf-8", "surrogateescape")
    if b"\\" not in escaped and b'"' not in escaped:
        return text
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text  # cut inside an escape, or not JSON at all


def escaped(value: str) -> str:
    r"""Return a value as it stands inside a JSON string, lone surrogates as ``\uXXXX``."""
    plain = json.dumps(value, ensure_ascii=False)
    lone = SURROGATE.search(plain) is not None
    return (json.dumps(value) if lone else plain)[1:-1]


def spellings(value: str) -> set[bytes]:
    r"""Return how a value may be escaped in a view: UTF-8 or ``\uXXXX``, in either case."""
    if _PLAIN.fullmatch(value):
        return {value.encode()}
    short = json.dumps(value)[1:-1]
    upper = _ESCAPED_UNIT.sub(lambda unit: unit[0][:2] + unit[0][2:].upper(), short)
    spelled = {short.encode(), upper.encode()}
    if not SURROGATE.search(value):
        spelled.add(json.dumps(value, ensure_ascii=False)[1:-1].encode())
    return spelled


def encoded(text: str) -> bytes:
    """Return the bytes of JSON text, whatever was decoded to get it."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate of the answer's own
        return text.encode("utf-8", "surrogatepass")
