"""The last check of a rewritten unit, before it is sent: it parses as the client's did.

Nothing should ever fail here. But a body that upstream cannot parse ends a session for good, since
the client sends the same text again on every turn.
"""

import msgspec

from ..json.document import is_quick
from ..json.escapes import has_good_escapes
from ..json.tokenizer import NotJson, events
from ..json.visitor import each_span

_ANY = msgspec.json.Decoder(msgspec.Raw)


class Broken(Exception):
    """A rewritten unit does not parse any more."""


def check(original: bytes, made: bytes) -> None:
    """Raise `Broken` if ``made`` does not parse, except for faults that ``original`` has too."""
    if _parses(made) if is_quick(made) else _is_json(made):
        return
    if _parses(original) or _shape(made) != _shape(original):
        raise Broken
    if has_good_escapes(original) and not has_good_escapes(made):
        raise Broken


def _parses(text: bytes) -> bool:
    try:
        _ANY.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _is_json(text: bytes) -> bool:
    """Return the same for a text that would take msgspec long."""
    try:
        for _ in events(text):
            pass
    except NotJson:
        return False
    return has_good_escapes(text)


def _shape(text: bytes) -> list[str]:
    """Return the kinds of a text's tokens: replacements inside strings change none."""
    shape: list[str] = []
    try:
        for kind, start, end in events(text):
            if kind == "strings":
                shape += ["string" for _ in each_span(text, start, end)]
            else:
                shape.append(kind)
    except NotJson:
        return []
    return shape
