"""Restoring in an event stream (Messages API, streaming), delta by delta.

An `input_json_delta` carries pieces of JSON text inside a JSON string: a value in it is escaped
twice on the wire. Thinking and signature deltas are never touched: the client sends them back and
upstream checks them.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from ...anthropic.records import Record, read_document
from ..detect.recognize import CONTEXT
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
_PASSED = 4096  # characters that went on untouched, and are looked at together
_UNTOUCHED = frozenset(("thinking_delta", "signature_delta"))
_Handler = Callable[[Record, bytes], bytes]  # a record, and its bytes as they go on
_CUT_CRLF = b"\r\n\r"


class _Literals(msgspec.Struct):
    """The strings of a delta as they are written."""

    text: msgspec.Raw = msgspec.Raw(b"")
    partial_json: msgspec.Raw = msgspec.Raw(b"")


class _Written(msgspec.Struct):
    delta: _Literals


_written = msgspec.json.Decoder(_Written).decode


class _Block:
    """A content block that is being streamed.

    State: ``held`` goes on with the next delta of ``kind``. ``passed`` went on untouched, and the
    ``window`` does not know of it yet. ``seen`` is the model's text in which what stays is still to
    be counted, ``tail`` what stands before it.
    """

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.kind: _Kind | None = None
        self.held = ""
        self.passed = ""
        self.seen = ""
        self.tail = ""
        self.window = Window(inside=False)

    def begin(self, kind: _Kind) -> None:
        """Take deltas of another kind from now on."""
        self.kind = kind
        self.passed = ""
        self.window = Window(inside=not kind.is_input)

    def settle(self) -> Window:
        """Return the window, after what has passed."""
        if self.passed and self.kind is not None:
            passed = self.passed if self.kind.is_input else escaped(self.passed[-CONTEXT:])
            self.window.advance(encoded(passed))
            self.passed = ""
        return self.window


class StreamRestorer:
    """Restores a stream. State: the blocks with something to remember."""

    held = 0

    def __init__(self, table: Table) -> None:
        self._table = table
        self._blocks: dict[Any, _Block] = {}
        self._handlers: dict[str, _Handler] = {
            "content_block_start": self._start,
            "content_block_delta": self._delta,
            "content_block_stop": self._stop,
            "message_stop": self._end,
            "error": self._end,
        }
        self._lent = False  # the LF of the last record's end is out, and still to come

    def feed(self, record: Record) -> bytes:
        """Return what can go on."""
        raw = self._with_whole_end(record.raw)
        if not record.whole:
            return raw
        try:
            if record.begins_as_delta:
                return self._delta(record, raw)
            kind = record.event.name.decode("latin-1") or str(_value(record.document.type))
            return self._handlers.get(kind, self._elsewhere)(record, raw)
        except (ValueError, TypeError, LookupError, RecursionError):
            return raw  # not what the API documents

    def close(self, rest: bytes) -> bytes:
        """Return what is left, at the stream's end: ``rest`` is the record that never ended."""
        return self._flush_all() + self._with_whole_end(rest)

    def _with_whole_end(self, raw: bytes) -> bytes:
        """Return a record with the LF that the splitter leaves to the next one."""
        raw = raw.removeprefix(b"\n") if self._lent else raw
        self._lent = raw.endswith(_CUT_CRLF)
        return raw + b"\n" if self._lent else raw

    def _start(self, record: Record, raw: bytes) -> bytes:
        index = _value(record.document.index)
        before = self._flush(index, forget=True)
        block = read_document(record.document.content_block)
        named = {"type": _value(block.type), "name": _value(block.name)}
        self._blocks[index] = _Block(self._table.tools.of_block(named))
        return before + self._elsewhere(record, raw)

    def _stop(self, record: Record, raw: bytes) -> bytes:
        return self._flush(_value(record.document.index), forget=True) + raw

    def _end(self, record: Record, raw: bytes) -> bytes:
        return self._flush_all() + self._elsewhere(record, raw)

    def _delta(self, record: Record, raw: bytes) -> bytes:
        content = record.content
        kind = None if content is None else _KINDS.get(content.delta.type)
        if content is None or kind is None:
            untouched = content is not None and content.delta.type in _UNTOUCHED
            return raw if untouched else self._elsewhere(record, raw)
        block = self._blocks.get(content.index)
        if block is None:
            block = self._blocks[content.index] = _Block(kind.unannounced)
        before = b""
        if block.kind is not kind:
            before = self._flush(content.index)
            block.begin(kind)
        text = content.delta.partial_json if kind.is_input else content.delta.text
        restored = self._restored(block, kind, text)
        if restored == text:
            return before + raw
        if not restored:
            return before  # all of it is held back
        return before + _rewritten(record, raw, kind, restored)

    def _restored(self, block: _Block, kind: _Kind, text: str) -> str:
        """Return what can go on of a block, restored."""
        if kind.is_input or block.sink.refusal is not None:
            block.seen += text
            if len(block.seen) > _PASSED:
                self._count(block)
        if block.sink.refusal is not None:
            return text
        if not block.held and not self._table.may_begin_in(text):
            block.passed += text
            if len(block.passed) > _PASSED:
                block.settle()
            return text
        whole = block.held + text
        end, complete = self._table.ready(whole, block.sink)
        block.held = whole[end:]
        return self._released(block, kind, whole[:end], complete=complete)

    def _count(self, block: _Block) -> None:
        """Count the placeholders that stay in what was seen of a block."""
        seen, start = block.tail + block.seen, len(block.tail)
        block.seen, block.tail = "", seen[-_TAIL:]
        if block.kind is not None and block.kind.is_input:
            self._table.count_unresolved(seen, start)
        if block.sink.refusal is not None:
            self._table.count_refused(seen, start, block.sink)

    def _released(self, block: _Block, kind: _Kind, text: str, *, complete: bool) -> str:
        """Restore what goes to the client now, and remember it as what the client has."""
        if not text:
            return text
        plain = text if kind.is_input else escaped(text)
        window = block.settle()
        made = self._table.restore(plain, block.sink, window, complete=complete)
        window.advance(encoded(made))
        if made == plain:
            return text
        return made if kind.is_input else str(json.loads(f'"{made}"'))

    def _flush_all(self) -> bytes:
        return b"".join([self._flush(index, forget=True) for index in list(self._blocks)])

    def _flush(self, index: Any, *, forget: bool = False) -> bytes:
        """Return a delta of a block's kind with what was held back."""
        block = self._blocks.pop(index, None) if forget else self._blocks.get(index)
        if block is None or block.kind is None:
            return b""
        if block.seen:
            self._count(block)
        if not block.held:
            return b""
        text = self._released(block, block.kind, block.held, complete=True)
        block.held = ""
        delta = {"type": block.kind.delta, block.kind.member: text}
        event = {"type": "content_block_delta", "index": index, "delta": delta}
        line = json.dumps(event, separators=(",", ":"))
        return b"event: content_block_delta\ndata: " + line.encode() + b"\n\n"

    def _elsewhere(self, record: Record, raw: bytes) -> bytes:
        """Restore in an event that holds whole strings."""
        data = record.event.data
        restored = restored_json(data, self._table)
        return raw if restored is data else _with_data(record, raw, restored)


def _value(raw: msgspec.Raw) -> Any:
    return msgspec.json.decode(raw)


def _rewritten(record: Record, raw: bytes, kind: _Kind, text: str) -> bytes:
    """Return a delta's record with ``text`` for its own."""
    literal = _literal(record.event.data, kind)
    if literal and raw.count(literal) == 1:
        return raw.replace(literal, b'"' + encoded(escaped(text)) + b'"')
    path: Path = (((None, 0), "delta"), kind.member)
    return _with_data(record, raw, with_string(record.event.data, path, text))


def _literal(data: bytes, kind: _Kind) -> bytes:
    """Return a delta's text as it is written; nothing if msgspec refuses it (lone surrogates)."""
    try:
        literals = _written(data).delta
    except ValueError:
        return b""
    return bytes(literals.partial_json if kind.is_input else literals.text)


def _with_data(record: Record, raw: bytes, new: bytes) -> bytes:
    """Return a record with ``new`` for its ``data``."""
    name, data = record.event
    before, found, rest = raw.partition(data)
    if found:
        return before + new + rest
    # The data came in several lines: it goes on in one, where JSON allows it.
    return b"event: " + name + b"\ndata: " + new.replace(b"\n", b" ") + b"\n\n"
