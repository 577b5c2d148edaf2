"""Restoring in an event stream (Messages API, streaming), delta by delta.

An `input_json_delta` carries pieces of JSON text inside a JSON string: a value in it is escaped
twice on the wire. Thinking and signature deltas are never touched: the client sends them back and
upstream checks them.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from ...anthropic.sse import Record, Splitter, parse
from ..json.escapes import encoded, escaped
from ..json.visitor import Path
from .json_answer import restored_json, with_string
from .sinks import TEXT, Sink, ToolPolicy
from .table import Table
from .window import Window


class _Kind(NamedTuple):
    """How a type of delta is restored: the member with its text, and whether that is JSON."""

    delta: str
    member: str
    is_input: bool
    unannounced: Sink  # what its block is, if no start said so


_KINDS = {
    "text_delta": _Kind("text_delta", "text", is_input=False, unannounced=TEXT),
    "input_json_delta": _Kind(
        "input_json_delta", "partial_json", is_input=True, unannounced=ToolPolicy().sink("")
    ),
}
_TAIL = 128  # characters remembered to notice a placeholder-like string in pieces
_UNTOUCHED = frozenset(("thinking_delta", "signature_delta"))
_Handler = Callable[[bytes, bytes, dict[str, Any]], bytes]  # a record, its data, its event
_CUT_CRLF = b"\r\n\r"


class _Block:
    """A content block that is being streamed. ``held`` goes on with the next delta of ``kind``."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.kind: _Kind | None = None
        self.held = ""
        self.tail = ""  # of what has been looked through for placeholders that stay
        self.window = Window(inside=False)

    def begin(self, kind: _Kind) -> None:
        """Take deltas of another kind from now on."""
        self.kind = kind
        self.window = Window(inside=not kind.is_input)


class StreamRestorer:
    """Restores a stream. State: the begun record, and the blocks with something to remember."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._splitter = Splitter()
        self._blocks: dict[Any, _Block] = {}
        self._handlers: dict[str, _Handler] = {
            "content_block_start": self._start,
            "content_block_delta": self._delta,
            "content_block_stop": self._stop,
            "message_stop": self._end,
            "error": self._end,
        }
        self._lent = False  # the LF of the last record's end is out, and still to come

    @property
    def held(self) -> int:
        """Bytes of the begun record."""
        return self._splitter.held

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
        handler: _Handler = self._handlers.get(str(kind), self._elsewhere)
        try:
            return handler(record.raw, data, event)
        except (ValueError, TypeError, LookupError, RecursionError):
            return record.raw  # not what the API documents

    def _start(self, raw: bytes, data: bytes, event: dict[str, Any]) -> bytes:
        before = self._flush(event["index"], forget=True)
        self._blocks[event["index"]] = _Block(self._table.tools.of_block(event["content_block"]))
        return before + self._elsewhere(raw, data)

    def _stop(self, raw: bytes, _: bytes, event: dict[str, Any]) -> bytes:
        return self._flush(event["index"], forget=True) + raw

    def _end(self, raw: bytes, data: bytes, _: dict[str, Any]) -> bytes:
        return self._flush_all() + self._elsewhere(raw, data)

    def _delta(self, raw: bytes, data: bytes, event: dict[str, Any]) -> bytes:
        index, delta = event["index"], event["delta"]
        if delta["type"] in _UNTOUCHED:
            return raw
        kind = _KINDS.get(delta["type"])
        text = delta.get(kind.member) if kind else None
        if kind is None or not isinstance(text, str):
            return self._elsewhere(raw, data)
        block = self._blocks.setdefault(index, _Block(kind.unannounced))
        before = b""
        if block.kind is not kind:
            before = self._flush(index)
            block.begin(kind)
        restored = self._restored(block, kind, text)
        if restored == text:
            return before + raw
        if not restored:
            return before  # all of it is held back
        path: Path = (((None, 0), "delta"), kind.member)
        return before + _with_data(raw, data, with_string(data, path, restored))

    def _restored(self, block: _Block, kind: _Kind, text: str) -> str:
        """Return what can go on of a block, restored."""
        seen, block.tail = block.tail + text, (block.tail + text)[-_TAIL:]
        if kind.is_input:
            self._table.count_unresolved(seen, len(seen) - len(text))
        if block.sink.refusal is not None:
            self._table.count_refused(seen, len(seen) - len(text), block.sink)
            return text
        whole = block.held + text
        end, complete = self._table.ready(whole, block.sink)
        block.held = whole[end:]
        return self._released(block, kind, whole[:end], complete=complete)

    def _released(self, block: _Block, kind: _Kind, text: str, *, complete: bool) -> str:
        """Restore what goes to the client now, and remember it as what the client has."""
        plain = text if kind.is_input else escaped(text)
        made = self._table.restore(plain, block.sink, block.window, complete=complete)
        block.window.advance(encoded(made))
        if made == plain:
            return text
        return made if kind.is_input else str(json.loads(f'"{made}"', strict=False))

    def _flush_all(self) -> bytes:
        return b"".join([self._flush(index, forget=True) for index in list(self._blocks)])

    def _flush(self, index: Any, *, forget: bool = False) -> bytes:
        """Return a delta of a block's kind with what was held back."""
        block = self._blocks.pop(index, None) if forget else self._blocks.get(index)
        if block is None or block.kind is None or not block.held:
            return b""
        text = self._released(block, block.kind, block.held, complete=True)
        block.held = ""
        delta = {"type": block.kind.delta, block.kind.member: text}
        event = {"type": "content_block_delta", "index": index, "delta": delta}
        line = json.dumps(event, separators=(",", ":"))
        return b"event: content_block_delta\ndata: " + line.encode() + b"\n\n"

    def _elsewhere(self, raw: bytes, data: bytes, _: Any = None) -> bytes:
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
