"""Restoring in JSON: in the strings where the policy allows it (`sinks`)."""

import json
import re

from ..json.escapes import escaped, value
from ..json.spans import spliced
from ..json.strings import skipped_in_answer, strings
from ..json.tokenizer import NotJson
from ..json.visitor import Path, steps
from .sinks import Sink
from .table import Table
from .window import Window

_ESCAPED_ASCII = re.compile(rb"\\u00[2-7]")


def restored_json(raw: bytes, table: Table) -> bytes:
    """Return JSON with its placeholders restored, the same object without any."""
    if not table.may_stand_in(raw):
        return raw
    try:
        texts = strings(raw, skipped_in_answer)
        document = json.loads(raw)
    except (NotJson, ValueError, RecursionError):
        return raw
    pieces = []
    for one in texts:
        text = raw[slice(*one.span)]
        names = steps(one.path)
        sink = table.tools.at(document, names)
        if "input" in names:
            table.count_unresolved(value(text))
        restored = _restored_string(text, sink, table)
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


def _restored_string(text: bytes, sink: Sink, table: Table) -> bytes:
    """Restore in the inside of a JSON string: in place, if placeholders are spelled plainly."""
    plainly = _ESCAPED_ASCII.search(text) is None
    shown = text.decode("utf-8", "surrogateescape") if plainly else escaped(value(text))
    made = table.restore(shown, sink, Window(inside=True))
    return text if made == shown else made.encode("utf-8", "surrogateescape")
