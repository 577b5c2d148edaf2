"""What the client has of the string that an answer is writing: a value's context."""

import re

from ..detect.recognize import CONTEXT
from ..json.spans import Span

_QUOTE = re.compile(rb'\\.?|"', re.DOTALL)


class Window:
    """The string that an answer is writing, as far as the client has it, JSON-escaped.

    State: ``text`` is its end (of at most `CONTEXT` bytes), nothing between strings.
    """

    def __init__(self, *, inside: bool) -> None:
        self.text = b'"' if inside else b""
        self._inside = inside
        self._escape = False  # a backslash came last, and what it escapes is still to come

    def strings(self, more: bytes) -> list[Span]:
        """Return the strings in ``text + more``."""
        spans, start, _ = self._read(more)
        return spans if start is None else [*spans, Span(start, len(self.text) + len(more))]

    def advance(self, more: bytes) -> None:
        """Go on by what the client is sent."""
        _, start, self._escape = self._read(more)
        whole = self.text + more
        self._inside = start is not None
        # With its quote, unless it is longer: where it is cut, nothing is known of what was before.
        self.text = b"" if start is None else whole[max(0, start - 1, len(whole) - CONTEXT) :]

    def _read(self, more: bytes) -> tuple[list[Span], int | None, bool]:
        """Return the strings that end, where one that goes on starts, and a pending escape."""
        size, escape = len(self.text), False
        spans: list[Span] = []
        start = int(self.text.startswith(b'"')) if self._inside else None
        for mark in _QUOTE.finditer(more, 1 if self._escape and more else 0):
            if mark[0] == b'"':
                at = size + mark.start()
                if start is None:
                    start = at + 1
                else:
                    spans.append(Span(start, at))
                    start = None
            escape = mark[0] == b"\\"
        return spans, start, escape or (self._escape and not more)
