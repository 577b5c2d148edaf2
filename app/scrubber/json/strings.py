"""Which strings of a request are scanned: all, except those of a list.

A block type or member nobody has heard of is scanned. Skipped are the members that the API itself
reads, and those that a client has to send back unchanged.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from .spans import SPAN, Span
from .visitor import Frame, Path, Rule, State, each_span, visit, whole_strings

# Values under these names, where they are the API's. In a tool's input a name may mean anything
# (`metadata`, `aws_access_key_id`): nothing is skipped there. Blocks inside of a block (a tool's
# result, a document's content) have a type, and none of the other names.
_API = frozenset(
    b"model role type stop_sequences temperature top_p max_tokens top_k stream metadata "
    b"input_schema".split()
)
_SKIPPED: dict[State, frozenset[bytes]] = {
    "api": _API,
    "block": _API,
    "result": frozenset((b"type",)),
    "tool": _API | {b"name", b"description"},
}
_ECHOED = re.compile(rb"thinking|redacted_thinking|signature|encrypted_\w+")
_PROTOCOL = re.compile(rb"id|\w*_id|cache_control|authorization_token")
_OPAQUE = frozenset((b"base64", b"redacted_thinking"))  # types whose `data` is no text
_CONTENT = 2  # depth of a message's content: each object in it is a block


class Text(NamedTuple):
    """The inside of a string, between its quotes. ``block`` grows from block to block."""

    span: Span
    block: int
    path: Path


class Run(NamedTuple):
    """Elements of an array that are strings, from the first one's quote to the last one's."""

    span: Span
    block: int
    array: Path
    first: int  # index of the first

    def until(self, text: bytes, end: int) -> "Run":
        """Return the strings that end by ``end``."""
        return self._replace(span=Span(self.span.start, whole_strings(text, self.span.start, end)))

    def behind(self, text: bytes, end: int, count: int) -> "Run":
        """Return the strings behind ``end``, where so many have ended."""
        start = text.find(b'"', end, self.span.end)
        start = self.span.end if start < 0 else start
        return self._replace(span=Span(start, self.span.end), first=self.first + count)

    def texts(self, text: bytes) -> Iterator[Text]:
        """Yield the strings."""
        for index, span in enumerate(each_span(text, *self.span), self.first):
            yield TEXT((SPAN(span), self.block, (self.array, index)))


TEXT = partial(tuple.__new__, Text)  # as for `SPAN`


def skipped_in_answer(name: bytes, state: State) -> bool:
    """Skip what the client sends back and upstream checks."""
    return state != "input" and _ECHOED.fullmatch(name) is not None


def skipped_in_request(name: bytes, state: State) -> bool:
    """Skip that, and what is the API's own."""
    if state == "input":
        return False
    return (
        name in _SKIPPED.get(state, ())
        or _PROTOCOL.fullmatch(name) is not None
        or skipped_in_answer(name, state)
    )


def strings(text: bytes, rule: Rule = skipped_in_request, state: State = "api") -> list[Text]:
    """Return the strings of a JSON value that ``rule`` does not skip, in order.

    ``state`` is what the value stands in. Raises `NotJson`.
    """
    found: list[Text] = []
    for one in each_string(text, rule, state):
        if isinstance(one, Run):
            found += one.texts(text)
        else:
            found.append(one)
    return found


def each_string(text: bytes, rule: Rule, state: State) -> Iterator[Text | Run]:
    """Yield the same one by one, and arrays of them by runs: a large text may hold millions."""
    taken: list[Text | Run | None] = []  # held back while it is open whether a `data` is text
    block = undecided = 0
    for kind, start, end, frame in visit(text, rule, state):
        if kind == "open":
            block += frame.depth == _CONTENT
        elif kind == "close":
            undecided -= _drop_opaque(frame, taken)
        elif kind == "key" and frame.state != "skipped":
            taken.append(Text(Span(start + 1, end - 1), block, frame.path))
        elif kind == "strings" and frame.inside != "skipped":
            taken.append(Run(Span(start, end), block, frame.path, frame.index))
        elif kind == "string" and frame.inside != "skipped":
            undecided += _note_data(frame, len(taken))
            taken.append(Text(Span(start + 1, end - 1), block, frame.member()))
        if taken and not undecided:
            yield from filter(None, taken)
            taken.clear()
    yield from filter(None, taken)


def _note_data(frame: Frame, place: int) -> bool:
    """Note where a `data` went; return True if it is the first of its object."""
    if frame.name != b"data":
        return False
    frame.noted.append(place)
    return len(frame.noted) == 1


def _drop_opaque(frame: Frame, taken: list[Text | Run | None]) -> bool:
    """Drop an object's data if it is no text; return True if that was undecided."""
    if frame.noted and frame.types and frame.state != "input" and _OPAQUE.issuperset(frame.types):
        for index in frame.noted:
            taken[index] = None
    return bool(frame.noted)
