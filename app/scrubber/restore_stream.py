"""Restoring in an event stream (Messages API, streaming), delta by delta.

An `input_json_delta` carries pieces of JSON text inside a JSON string: a value in it is escaped
twice on the wire. Thinking and signature deltas are never touched: the client sends them back and
upstream checks them.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from app.anthropic.sse import Record, Splitter, parse
from app.scrubber.answer import Table, escaped
from app.scrubber.restore_json import restored_json, with_string
from app.scrubber.strings import Path


class _Kind(NamedTuple):
    """How a type of delta is restored: the member with its text, and how a value is written."""

    delta: str
    member: str
    spell: Callable[[str], str]
    is_input: bool


_KINDS = {
    "text_delta": _Kind("text_delta", "text", str, is_input=False),
    "input_json_delta": _Kind("input_json_delta", "partial_json", escaped, is_input=True),
}
_TAIL = 64  # characters of an input remembered to notice a placeholder-like string in pieces
_UNTOUCHED = frozenset(("thinking_delta", "signature_delta"))
_ENDS = ("message_stop", "error")
_CUT_CRLF = b"\r\n\r"


class _Block:
    """A content block that is being streamed. ``held`` goes on with the next delta of ``kind``."""

    def __init__(self, kind: _Kind) -> None:
        self.kind = kind
        self.held = ""
        self.tail = ""  # of what has been looked through for unresolved placeholders


class StreamRestorer:
    """Restores a stream. State: the begun record, and the blocks with something to remember."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._splitter = Splitter()
        self._blocks: dict[Any, _Block] = {}
        self._lent = False  # the LF of the last record's end is out, and still to come

    def feed(self, data: bytes) -> bytes:
        """Return what can go on."""
        return b"".join(
            self._record(record._replace(raw=self._with_whole_end(record.raw)))
            for record in self._splitter.feed(data)
        )

    def close(self) -> bytes:
        """Return the rest, at the stream's end."""
        return self._flush_all() + self._with_whole_end(self._splitter.close())

    def _with_whole_end(self, raw: bytes) -> bytes:
        """Return a record with the LF that the splitter leaves to the next one."""
        raw = raw.removeprefix(b"\n") if self._lent else raw
        self._lent = raw.endswith(_CUT_CRLF)
        return raw + b"\n" if self._lent else raw

    def _record(self, record: Record) -> bytes:
        if not record.whole:
            return record.raw
        name, data = parse(record.raw)
        event = _read(data)
        kind = name.decode("latin-1") or event.get("type")
        if kind in _ENDS:
            return self._flush_all() + self._elsewhere(record.raw, data)
        try:
            if kind == "content_block_stop":
                return self._flush(event["index"]) + record.raw
            if kind == "content_block_delta":
                return self._delta(record.raw, data, event["index"], event["delta"])
        except (ValueError, TypeError, LookupError, RecursionError):
            return record.raw  # not what the API documents
        return self._elsewhere(record.raw, data)

    def _delta(self, raw: bytes, data: bytes, index: Any, delta: dict[str, Any]) -> bytes:
        if delta["type"] in _UNTOUCHED:
            return raw
        kind = _KINDS.get(delta["type"])
        text = delta.get(kind.member) if kind else None
        if kind is None or not isinstance(text, str):
            return self._elsewhere(raw, data)
        before = self._changed_kind(index, kind)
        restored = self._restored(self._blocks.setdefault(index, _Block(kind)), text)
        if restored == text:
            return before + raw
        if not restored:
            return before  # all of it is held back
        path: Path = (((None, 0), "delta"), kind.member)
        return before + _with_data(raw, data, with_string(data, path, restored))

    def _changed_kind(self, index: Any, kind: _Kind) -> bytes:
        """Return what was held back by deltas of another kind."""
        block = self._blocks.get(index)
        return b"" if block is None or block.kind is kind else self._flush(index)

    def _restored(self, block: _Block, text: str) -> str:
        """Return what can go on of a block, restored."""
        if block.kind.is_input:
            self._table.count_unresolved(block.tail + text, len(block.tail))
            block.tail = (block.tail + text)[-_TAIL:]
        whole = block.held + text
        ready = self._table.begun(whole)
        block.held = whole[ready:]
        return self._table.restore(whole[:ready], block.kind.spell)

    def _flush_all(self) -> bytes:
        return b"".join([self._flush(index) for index in list(self._blocks)])

    def _flush(self, index: Any) -> bytes:
        """Forget a block; return a delta of its kind with what was held back."""
        block = self._blocks.pop(index, None)
        if block is None or not block.held:
            return b""
        text = self._table.restore(block.held, block.kind.spell)
        delta = {"type": block.kind.delta, block.kind.member: text}
        event = {"type": "content_block_delta", "index": index, "delta": delta}
        line = json.dumps(event, separators=(",", ":"))
        return b"event: content_block_delta\ndata: " + line.encode() + b"\n\n"

    def _elsewhere(self, raw: bytes, data: bytes) -> bytes:
        """Restore in an event that holds whole strings."""
        restored = restored_json(data, self._table)
        return raw if restored is data else _with_data(raw, data, restored)


def _read(data: bytes) -> dict[str, Any]:
    """Return an event; nothing for data that is no JSON object."""
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _with_data(raw: bytes, data: bytes, new: bytes) -> bytes:
    """Return a record with ``new`` for its ``data``."""
    before, found, rest = raw.partition(data)
    if found:
        return before + new + rest
    # The data came in several lines: it goes on in one, where JSON allows it.
    return b"event: " + parse(raw).name + b"\ndata: " + new.replace(b"\n", b" ") + b"\n\n"
