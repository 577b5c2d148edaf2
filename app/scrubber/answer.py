"""Replacing placeholders by their values: in whole strings, and in text that comes in pieces."""

import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from app.scrubber.automaton import compiled
from app.scrubber.detectors import BUILT_IN
from app.scrubber.escapes import SURROGATE
from app.scrubber.extended import EXTENDED
from app.scrubber.placeholders import Placeholders

_LABELS = frozenset(detector.label for detector in (*BUILT_IN, *EXTENDED))
_ESCAPED_ASCII = r"\\u00[2-7]"


@cache
def _patterns(labels: frozenset[str]) -> tuple[re.Pattern[str], Any]:
    """Return what finds a placeholder of either style in text, and in JSON (perhaps escaped)."""
    names = "|".join(sorted(labels, key=lambda label: (-len(label), label)))
    alike = (
        rf"<(?:{names})_(?:[0-9]+|HMAC:[0-9A-F]+)>|"
        rf"(?:{names.replace('_', '-')})-(?:[0-9]{{4,}}|HMAC-[0-9A-F]{{8,}})"
    )
    return re.compile(alike), compiled(f"{alike}|{_ESCAPED_ASCII}")


def escaped(value: str) -> str:
    r"""Return a value as it stands inside a JSON string, lone surrogates as ``\uXXXX``."""
    plain = json.dumps(value, ensure_ascii=False)
    lone = SURROGATE.search(plain) is not None
    return (json.dumps(value) if lone else plain)[1:-1]


class Table:
    """The placeholders of one request, and the counts of what became of them in the answer.

    State: ``restored`` (detector -> count) and ``unresolved``.
    """

    def __init__(self, placeholders: Placeholders) -> None:
        self.restored: Counter[str] = Counter()
        self.unresolved = 0
        self._placeholders = placeholders
        self._sorted = sorted(placeholders)
        self.longest = max(map(len, placeholders), default=0)
        detectors = {hidden.detector.upper() for hidden in placeholders.values()}
        self._alike, self._alike_in_json = _patterns(_LABELS | detectors)

    def may_stand_in(self, raw: bytes) -> bool:
        """Whether what looks like a placeholder stands in JSON, however it is spelled."""
        return self._alike_in_json.search(raw) is not None

    def restore(self, text: str, spell: Callable[[str], str]) -> str:
        """Return ``text`` with the values, each put through ``spell``."""
        parts: list[str] = []
        copied = 0
        for start, shown in self._found(text):
            hidden = self._placeholders[shown]
            self.restored[hidden.detector] += 1
            parts += text[copied:start], spell(hidden.value)
            copied = start + len(shown)
        return "".join([*parts, text[copied:]])

    def begun(self, text: str) -> int:
        """Return from where on ``text`` may be the beginning of a placeholder: its end, if not."""
        clear = 0
        for start, shown in self._found(text, max(0, len(text) - 2 * self.longest)):
            clear = start + len(shown)
            if clear == len(text) and self._begins(shown):
                return start
        for place in range(max(clear, len(text) - self.longest + 1), len(text)):
            if self._begins(text[place:]):
                return place
        return len(text)

    def _found(self, text: str, at: int = 0) -> Iterator[tuple[int, str]]:
        """Yield the placeholders in ``text`` and where they start; the longest, if two do."""
        while (match := self._alike.search(text, at)) is not None:
            start, end = match.span()
            while end > start and text[start:end] not in self._placeholders:
                end -= 1
            if end > start:
                yield start, text[start:end]
            at = max(end, start + 1)

    def _begins(self, text: str) -> bool:
        """Whether a longer placeholder begins with ``text``."""
        index = bisect_right(self._sorted, text)
        return index < len(self._sorted) and self._sorted[index].startswith(text)

    def count_unresolved(self, text: str, start: int = 0) -> None:
        """Count what looks like our placeholders, ends after ``start`` and stands for nothing."""
        self.unresolved += sum(
            match.end() > start and match[0] not in self._placeholders
            for match in self._alike.finditer(text)
        )
