"""One way through a JSON value: the tokenizer's events, each with the place where it stands.

All who read a body read these: which strings are scanned (`strings`), what its units are
(`document`), which words are the model's own (``redact``), whether it is a message thread.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Literal

from .escapes import value
from .tokenizer import events

# What an object or array is to the API. A name may mean anything in a tool's input.
State = Literal["api", "tool", "block", "result", "input", "skipped"]

# (where a member stands, its name) -> what it is; of any other name: what its object is.
_INSIDE: dict[tuple[State, bytes], State] = {
    ("api", b"content"): "block",  # a message's
    ("block", b"content"): "result",  # a block's: a tool's result, a document
    ("api", b"input"): "input",
    ("block", b"input"): "input",
    ("result", b"input"): "input",
    ("tool", b"input"): "input",
}
_NAMES = 1024  # whose meaning is remembered
_STRINGS = re.compile(rb'"(?>(?:[^"\\]++|\\.)*)"', re.DOTALL)
_LIST = re.compile(rb"(?>(?:[ \t\n\r,]*+" + _STRINGS.pattern + rb")+)", re.DOTALL)

Rule = Callable[[bytes, State], bool]  # whether a member of that name is skipped there

# (path of the parent, name or index); the outermost is (None, 0), the value itself.
Path = tuple[Any, str | int] | None


class Frame:
    """An open object or array.

    State: the ``name`` (in an object) or ``index`` of the member being read, and its state
    ``inside``; the ``types`` that the object says it has (a repeated one must not hide text), and
    the ``noted`` of a reader.
    """

    __slots__ = (
        "depth", "index", "inside", "name", "noted", "outer", "path", "state", "types",
    )  # fmt: skip

    def __init__(self, outer: "Frame | None", state: State) -> None:
        self.outer = outer
        self.depth: int = 0 if outer is None else outer.depth + 1
        self.path: Path = None if outer is None else outer.member()
        self.state: State = state
        self.inside: State = state
        self.name: bytes | None = None
        self.index = -1
        self.types: list[bytes] = []
        self.noted: list[int] = []

    def member_name(self) -> str | int:
        """Return the name or index of the member being read."""
        return self.index if self.name is None else self.name.decode("utf-8", "replace")

    def member(self) -> Path:
        """Return the path of the member being read."""
        return (self.path, self.member_name())


# What a reader gets: the tokenizer's event, of one bracket at a time, and the frame that it
# stands in; for ``close`` the one that it ends.
Visit = tuple[str, int, int, Frame]


def nothing_skipped(_: bytes, __: State) -> bool:
    """Skip no member."""
    return False


def visit(
    text: bytes, rule: Rule = nothing_skipped, state: State = "api", start: int = 0
) -> Iterator[Visit]:
    """Yield the events of a JSON value that stands in ``state``; raises `NotJson`."""
    frame = Frame(None, state)
    for kind, first, last in events(text, start):
        if kind == "key":
            frame.name = _unescaped(text[first + 1 : last - 1])
            frame.inside = _entered(rule, frame.state, frame.name)
            yield kind, first, last, frame
        elif kind == "close":
            for at in range(first, last):
                yield kind, at, at + 1, frame
                frame = frame.outer or frame
        else:
            if frame.name is None:
                frame.index += 1
            elif frame.name == b"type" and kind == "string":
                frame.types.append(text[first + 1 : last - 1])
            if kind == "open":
                for at in range(first, last):
                    yield kind, at, at + 1, frame
                    frame = Frame(frame, frame.inside)
                continue
            yield kind, first, last, frame
            if kind == "strings":
                frame.index += _count(text, first, last) - 1


def each_span(text: bytes, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the insides of the ``strings`` of one event."""
    for one in _STRINGS.finditer(text, first, last):
        yield one.start() + 1, one.end() - 1


def whole_strings(text: bytes, start: int, end: int) -> int:
    """Return where the last of the ``strings`` from ``start`` ends that end by ``end``."""
    found = _LIST.match(text, start, end)
    return start if found is None else found.end()


def steps(path: Path) -> list[str | int]:
    """Return the names and indexes that lead to a member, from the value itself on."""
    names: list[str | int] = []
    while path is not None:
        path, name = path
        names.append(name)
    return names[-2::-1]  # the outermost is the value


def _count(text: bytes, first: int, last: int) -> int:
    """Return how many ``strings`` there are: without escapes, each quote begins or ends one."""
    if text.find(b"\\", first, last) < 0:
        return text.count(b'"', first, last) // 2
    return len(_STRINGS.findall(text, first, last))


@lru_cache(_NAMES)
def _entered(rule: Rule, state: State, name: bytes) -> State:
    if state == "skipped" or rule(name, state):
        return "skipped"
    return _INSIDE.get((state, name), state)


def _unescaped(name: bytes) -> bytes:
    return value(name).encode("utf-8", "surrogatepass") if b"\\" in name else name
