"""Restoring in JSON: in every string but those the client has to echo unchanged."""

from app.scrubber.answer import Table, escaped
from app.scrubber.escapes import value
from app.scrubber.replace import spliced
from app.scrubber.strings import Path, Text, strings
from app.scrubber.walk import NotJson


def restored_json(raw: bytes, table: Table) -> bytes:
    """Return JSON with its placeholders restored, the same object without any."""
    try:
        texts = strings(raw)
    except NotJson:
        return raw
    pieces = []
    for one in texts:
        text = raw[slice(*one.span)]
        if in_input(one.path):
            table.count_unresolved(value(text))
        restored = restored_string(text, table)
        if restored is not text:
            pieces.append((*one.span, restored))
    return spliced(raw, pieces)


def restored_string(text: bytes, table: Table) -> bytes:
    """Restore in the inside of a JSON string."""
    shown = value(text)
    restored = table.restore(shown, lambda hidden: hidden)
    return text if restored == shown else escaped(restored).encode()


def in_input(path: Path) -> bool:
    """Whether a string belongs to a tool's input."""
    while path is not None:
        path, name = path
        if name == "input":
            return True
    return False


def named(texts: list[Text], *names: str) -> Text | None:
    """Return the string at a path of names, the last if it is repeated."""
    wanted: Path = (None, 0)
    for name in names:
        wanted = (wanted, name)
    return next((one for one in reversed(texts) if one.path == wanted), None)
