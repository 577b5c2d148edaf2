"""Replacing placeholders by their values: in whole strings, and in text that comes in pieces."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from ..automaton import compiled
from ..detect.detectors import BUILT_IN
from ..detect.extended import EXTENDED
from ..detect.recognize import Recognizer
from ..json.escapes import encoded, escaped
from ..json.spans import Span
from ..placeholders import Placeholders
from .sinks import Refusal, Sink, ToolPolicy, has_shell_syntax
from .window import Window

_LABELS = frozenset(detector.label for detector in (*BUILT_IN, *EXTENDED))
_ESCAPED_ASCII = r"\\u00[2-7]"
# A token, a URL, a word: after one of these it has ended, and two more characters tell the rest.
_BOUNDARY = re.compile(r"[\s\"'`\\<>]")
_AFTER_BOUNDARY = 3
_LONGEST_RUN = 512  # characters after a placeholder that are waited for
_ROUNDS = 4  # of asking the detectors about one text


class Plan(msgspec.Struct, frozen=True):
    """What one answer is restored by: the request's values, and the rules for using them."""

    placeholders: Placeholders
    recognizer: Recognizer
    foreign: frozenset[str] = frozenset()
    tools: ToolPolicy = msgspec.field(default_factory=ToolPolicy)


@cache
def _patterns(labels: frozenset[str]) -> tuple[re.Pattern[str], re.Pattern[str], Any]:
    """Return what finds a placeholder of either style in text, its variants, and both in JSON."""
    names = "|".join(sorted(labels, key=lambda label: (-len(label), label)))
    tokens = names.replace("_", "-")
    alike = (
        rf"<(?:{names})_(?:[0-9]+|HMAC:[0-9A-F]+)>|"
        rf"(?:{tokens})-(?:[0-9]{{4,}}|HMAC-[0-9A-F]{{8,}})"
    )
    loose = names.replace("_", r"\\*_")
    variant = (
        rf"(?:<|&lt;|&#0*60;|&#x0*3c;|%3c|\\+(?:u003c|x3c)|\uff1c)(?:{loose})\\*_"
        r"(?:[0-9]+|HMAC:[0-9a-f]+)(?:>|&gt;|&#0*62;|&#x0*3e;|%3e|\\+(?:u003e|x3e)|\uff1e)"
    )
    return (
        re.compile(alike),
        re.compile(rf"(?i:{variant})|{alike}"),
        compiled(rf"(?i:(?:{loose}|{tokens})(?:\\*_|-)(?:[0-9]|HMAC))|{_ESCAPED_ASCII}"),
    )


class _Use:
    """A placeholder in a text, and why it stays, if it does."""

    __slots__ = ("refusal", "shown", "start")

    def __init__(self, start: int, shown: str, refusal: Refusal | None) -> None:
        self.start = start
        self.shown = shown
        self.refusal = refusal


class Table:
    """The placeholders of one request, and the counts of what became of them in the answer.

    State: ``restored`` (detector -> count), ``refused`` (reason -> count), ``unresolved``, and
    ``places`` (placeholder -> name of the sink -> count).
    """

    def __init__(self, plan: Plan) -> None:
        self.tools = plan.tools
        self.restored: Counter[str] = Counter()
        self.refused: Counter[Refusal] = Counter()
        self.unresolved = 0
        self.places: dict[str, Counter[str]] = {}
        self._plan = plan
        self._values = plan.placeholders
        self._known = plan.placeholders.keys() | plan.foreign
        self._sorted = sorted(self._known)
        heads = re.escape("".join({shown[0] for shown in self._known}))
        self._head = re.compile(f"[{heads}]" if heads else r"\Z.")
        self.longest = max(map(len, self._known), default=0)
        detectors = {hidden.detector.upper() for hidden in self._values.values()}
        self._alike, self._variant, self._in_json = _patterns(_LABELS | detectors)

    def may_stand_in(self, raw: bytes) -> bool:
        """Return True if what looks like a placeholder stands in JSON, however it is spelled."""
        return self._in_json.search(raw) is not None

    def may_begin_in(self, text: str) -> bool:
        """Return True if a placeholder may stand in ``text``, or begin there."""
        return self._head.search(text) is not None

    def restore(self, text: str, sink: Sink, window: Window, *, complete: bool = True) -> str:
        """Return JSON-escaped ``text`` with the values that may stand in ``sink``.

        ``window`` is what the client has of the string so far. Unless the text is ``complete``,
        a part that continues at its end may become something else.
        """
        uses = list(self._uses(text, sink))
        if not uses:
            return text
        for rest in reversed(range(_ROUNDS)):
            made, values = self._written(text, uses)
            if not self._refuse_lost(uses, made, values, window, complete=complete):
                break
            if not rest:
                self._refuse_all(uses)
        self._count(uses, sink)
        return self._written(text, uses)[0]

    def ready(self, text: str, sink: Sink) -> tuple[int, bool]:
        """Return how much of ``text`` can be restored, and whether it is complete.

        A possible beginning of a placeholder waits for the rest, and a placeholder for the
        end of the word it stands in: that decides whether its value would be found again.
        """
        end = start = self._begun(text)
        for use in reversed(list(self._uses(text[:end], sink))):
            if use.refusal is not None:
                continue
            gap = text[use.start + len(use.shown) : start]
            boundary = _BOUNDARY.search(gap)
            if boundary is not None and len(gap) >= boundary.start() + _AFTER_BOUNDARY:
                break
            start = use.start
        return (start, True) if len(text) - start <= _LONGEST_RUN else (end, False)

    def count_refused(self, text: str, start: int, sink: Sink) -> None:
        """Count the placeholders of a text that is not restored, which end after ``start``."""
        for use in self._uses(text, sink):
            if use.start + len(use.shown) > start and use.refusal is not None:
                self.refused[use.refusal] += 1

    def count_unresolved(self, text: str, start: int = 0) -> None:
        """Count what looks like our placeholders, ends after ``start`` and stands for nothing."""
        self.unresolved += sum(
            match.end() > start and match[0] not in self._known
            for match in self._variant.finditer(text)
        )

    def _uses(self, text: str, sink: Sink) -> Iterator[_Use]:
        for start, shown in self._found(text):
            yield _Use(start, shown, self._refusal(shown, sink))

    def _refusal(self, shown: str, sink: Sink) -> Refusal | None:
        if sink.refusal == "upstream_block":
            return sink.refusal
        if shown in self._plan.foreign:
            return "ambiguous"
        if sink.refusal is None and sink.shell and has_shell_syntax(self._values[shown].value):
            return "shell_syntax"
        return sink.refusal

    def _written(self, text: str, uses: list[_Use]) -> tuple[str, list[Span]]:
        """Return the text with what is restored, and where in its bytes those values stand."""
        parts: list[str] = []
        values: list[Span] = []
        copied = size = 0
        for use in uses:
            if use.refusal is None:
                before, value = text[copied : use.start], escaped(self._values[use.shown].value)
                begin = size + len(encoded(before))
                size = begin + len(encoded(value))
                values.append(Span(begin, size))
                parts += before, value
                copied = use.start + len(use.shown)
        return "".join([*parts, text[copied:]]), values

    def _refuse_lost(
        self, uses: list[_Use], made: str, values: list[Span], window: Window, *, complete: bool
    ) -> bool:
        """Refuse the values that no detector would find again; return whether there are any."""
        if not values:
            return False
        before, more = len(window.text), encoded(made)
        found = self._plan.recognizer.found(
            window.text + more,
            window.strings(more),
            [Span(before + span.start, before + span.end) for span in values],
            complete=complete,
        )
        restored = [use for use in uses if use.refusal is None]
        for use, again in zip(restored, found, strict=True):
            if not again:
                use.refusal = "not_found_again"
        return not all(found)

    @staticmethod
    def _refuse_all(uses: list[_Use]) -> None:
        for use in uses:
            use.refusal = use.refusal or "not_found_again"

    def _count(self, uses: list[_Use], sink: Sink) -> None:
        for use in uses:
            if use.refusal is not None:
                self.refused[use.refusal] += 1
            else:
                self.restored[self._values[use.shown].detector] += 1
                self.places.setdefault(use.shown, Counter())[sink.name] += 1

    def _begun(self, text: str) -> int:
        """Return from where on ``text`` may be the beginning of a placeholder: its end, if not."""
        clear = 0
        for start, shown in self._found(text, max(0, len(text) - 2 * self.longest)):
            clear = start + len(shown)
            if clear == len(text) and self._begins(shown):
                return start
        for head in self._head.finditer(text, max(clear, len(text) - self.longest + 1)):
            if self._begins(text[head.start() :]):
                return head.start()
        return len(text)

    def _found(self, text: str, at: int = 0) -> Iterator[tuple[int, str]]:
        """Yield the placeholders in ``text`` and where they start; the longest, if two do."""
        while (match := self._alike.search(text, at)) is not None:
            start, end = match.span()
            while end > start and text[start:end] not in self._known:
                end -= 1
            if end > start:
                yield start, text[start:end]
            at = max(end, start + 1)

    def _begins(self, text: str) -> bool:
        """Return True if a longer placeholder begins with ``text``."""
        index = bisect_right(self._sorted, text)
        return index < len(self._sorted) and self._sorted[index].startswith(text)
