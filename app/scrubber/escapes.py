r"""JSON's escapes: one spelling of printable ASCII for the scan, and values out of strings.

A client may write any character as ``\uXXXX`` and ``/`` as ``\/`` (RFC 8259 §7). In a `View`
printable ASCII is written as itself (but for ``\"`` and ``\\``), so that a detector needs to know
one spelling only; its spans are translated back to the original's.
"""

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field

from app.scrubber.automaton import compiled

_ESCAPE = re.compile(rb"\\(?:u00([2-7][0-9a-fA-F])|/)")
_ANY_ESCAPE = compiled(r"\\(?:u00[2-7]|/)")
_BACKSLASH = 0x5C
_MUST_STAY = {0x22: b'\\"', 0x5C: b"\\\\", 0x7F: b"\\u007f"}
_PLAIN = re.compile(r"[ !#-\[\]-~]+")
_ESCAPED_UNIT = re.compile(r"\\(?:u[0-9a-f]{4}|.)")
SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class View:
    """``text`` with plain spelling; ``marks`` and ``shifts`` lead back to the original."""

    text: bytes
    marks: list[int] = field(default_factory=list)  # offsets in ``text`` from where on…
    shifts: list[int] = field(default_factory=list)  # …this is added

    def original(self, offset: int) -> int:
        """Return where ``offset`` lies in the original."""
        index = bisect_right(self.marks, offset) - 1
        return offset + self.shifts[index] if index >= 0 else offset


def view(original: bytes) -> View:
    """Return the plain spelling of JSON text."""
    if b"\\/" not in original and b"\\u00" not in original:
        return View(original)
    if _ANY_ESCAPE.search(original) is None:
        return View(original)  # as nearly always
    pieces: list[bytes] = []
    marks: list[int] = []
    shifts: list[int] = []
    copied = size = 0
    for escape in _ESCAPE.finditer(original):
        if _is_escaped(original, escape.start()):
            continue
        code = int(escape[1] or b"2f", 16)
        plain = _MUST_STAY.get(code, bytes([code]))
        pieces += original[copied : escape.start()], plain
        size += escape.start() - copied + len(plain)
        copied = escape.end()
        marks.append(size)
        shifts.append(copied - size)
    if not marks:
        return View(original)
    pieces.append(original[copied:])
    return View(b"".join(pieces), marks, shifts)


def _is_escaped(text: bytes, backslash: int) -> bool:
    """Whether a backslash is the second half of an escape: an odd number stand before it."""
    first = backslash
    while first and text[first - 1] == _BACKSLASH:
        first -= 1
    return (backslash - first) % 2 == 1


def value(escaped: bytes) -> str:
    """Return what a stretch of a JSON string stands for, whatever its bytes."""
    text = escaped.decode("utf-8", "surrogateescape")
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text  # cut inside an escape, or not JSON at all


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
