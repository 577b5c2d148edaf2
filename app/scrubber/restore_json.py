"""Restoring in JSON: in every string but those the client has to send back unchanged."""

import re

from app.scrubber.answer import Table, escaped
from app.scrubber.escapes import value
from app.scrubber.replace import spliced
from app.scrubber.strings import Path, skipped_in_answer, strings
from app.scrubber.walk import NotJson

_ESCAPED_ASCII = re.compile(rb"\\u00[2-7]")


def restored_json(raw: bytes, table: Table) -> bytes:
    """Return JSON with its placeholders restored, the same object without any."""
    if not table.may_stand_in(raw):
        return raw
    try:
        texts = strings(raw, skipped_in_answer)
    except NotJson:
        return raw
    pieces = []
    for one in texts:
        text = raw[slice(*one.span)]
        if _in_input(one.path):
            table.count_unresolved(value(text))
        restored = _restored_string(text, table)
        if restored is not text:
            pieces.append((*one.span, restored))
    return spliced(raw, pieces)


def with_string(raw: bytes, path: Path, text: str) -> bytes:
    """Return JSON with ``text`` for the string at ``path``, the last if it is repeated.

    Raises LookupError when there is none.
    """
    texts = strings(raw, skipped_in_answer)
    span = next((one.span for one in reversed(texts) if one.path == path), None)
    if span is None:
        raise LookupError(path)
    return spliced(raw, [(*span, escaped(text).encode())])


def _restored_string(text: bytes, table: Table) -> bytes:
    """Restore in the inside of a JSON string: in place, if placeholders are spelled plainly."""
    if _ESCAPED_ASCII.search(text) is None:
        plain = text.decode("utf-8", "surrogateescape")
        made = table.restore(plain, escaped)
        return text if made == plain else made.encode("utf-8", "surrogateescape")
    shown = value(text)
    restored = table.restore(shown, str)
    return text if restored == shown else escaped(restored).encode("utf-8", "surrogateescape")


def _in_input(path: Path) -> bool:
    while path is not None:
        path, name = path
        if name == "input":
            return True
    return False
