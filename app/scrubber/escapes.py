r"""JSON's escapes: one spelling of printable ASCII for the scan, and values out of strings.

A client may write any character as ``\uXXXX`` and ``/`` as ``\/`` (RFC 8259 §7). In a `View`
printable ASCII is written as itself (but for ``\"`` and ``\\``), so that a detector needs to know
one spelling only; its spans are translated back to the original's.
"""

import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field

# Every escape is matched, so that the second half of `\\` never starts one.
_ESCAPE = re.compile(rb"\\(?:u00([2-7][0-9a-fA-F])|.)", re.DOTALL)
_MUST_STAY = {0x22: b'\\"', 0x5C: b"\\\\", 0x7F: b"\\u007f"}


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
    if b"\\u00" not in original and b"\\/" not in original:
        return View(original)
    pieces: list[bytes] = []
    marks: list[int] = []
    shifts: list[int] = []
    copied = size = 0
    for escape in _ESCAPE.finditer(original):
        plain = _plain(escape)
        if plain is None:
            continue
        pieces += original[copied : escape.start()], plain
        size += escape.start() - copied + len(plain)
        copied = escape.end()
        marks.append(size)
        shifts.append(copied - size)
    if not marks:
        return View(original)
    pieces.append(original[copied:])
    return View(b"".join(pieces), marks, shifts)


def _plain(escape: re.Match[bytes]) -> bytes | None:
    """Return the plain spelling where it differs."""
    if escape[1] is None:
        return b"/" if escape[0] == b"\\/" else None
    code = int(escape[1], 16)
    return _MUST_STAY.get(code, bytes([code]))


def value(escaped: bytes) -> str:
    """Return what a stretch of a JSON string stands for, whatever its bytes."""
    text = escaped.decode("utf-8", "surrogateescape")
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text  # cut inside an escape, or not JSON at all


def spellings(value: str) -> set[bytes]:
    r"""Return how a value may be escaped in a view: UTF-8 or ``\uXXXX``, in either case."""
    ascii_only = json.dumps(value)[1:-1]
    spelled = {ascii_only, re.sub(r"(?<!\\)((?:\\\\)*)\\u([0-9a-f]{4})", _upper, ascii_only)}
    spelled.add(json.dumps(value, ensure_ascii=False)[1:-1])
    return {text.encode("utf-8", "surrogateescape") for text in spelled if _encodes(text)}


def _upper(match: re.Match[str]) -> str:
    return match[1] + "\\u" + match[2].upper()


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
