"""How much of a body is text: images and documents in base64 do not count towards the limit.

A few screenshots make a body larger than any conversation, and nothing in them is scanned. They are
found by a look at where the `data` strings lie, not by reading them.
"""

import re

from .spans import find

_DATA = b'"data"'
_COLON = re.compile(rb'[ \t\r\n]{0,64}:[ \t\r\n]{0,64}"')
_REACH = 512  # bytes beside a `data` in which the other members of its object stand
_BRACE = re.compile(rb"[{}]")
_TYPE = re.compile(rb'"type"[ \t\r\n]*:[ \t\r\n]*"base64"')


def text_size(body: bytes) -> int:
    """Return the size of a JSON body in bytes, without the base64 of images and documents."""
    size = len(body)
    at = find(body, _DATA, 0, size)
    while at >= 0:
        value = _COLON.match(body, at + len(_DATA))
        end = at + len(_DATA)
        if value is not None:
            end = find(body, b'"', value.end(), len(body))
            if end < 0:
                return size
            if _is_base64(body, at, end + 1):
                size -= end - value.end()
        at = find(body, _DATA, end, len(body))
    return size


def _is_base64(body: bytes, start: int, end: int) -> bool:
    """Return True if the object that holds a `data` from ``start`` to ``end`` is of that type."""
    before = _BRACE.split(body[max(0, start - _REACH) : start])[-1]
    after = _BRACE.split(body[end : end + _REACH], 1)[0]
    return _TYPE.search(before) is not None or _TYPE.search(after) is not None
