"""Replacing placeholders by their values: in whole strings, and in text that comes in pieces."""

import json
import re
from collections import Counter
from collections.abc import Callable

from app.scrubber.detectors import BUILT_IN
from app.scrubber.escapes import SURROGATE
from app.scrubber.extended import EXTENDED
from app.scrubber.placeholders import Placeholders

_LABELS = {detector.label for detector in (*BUILT_IN, *EXTENDED)}


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
        longest_first = sorted(placeholders, key=len, reverse=True)
        self._any = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        self._beginnings = {shown[:end] for shown in placeholders for end in range(1, len(shown))}
        self.longest = max(map(len, placeholders), default=0)
        labels = _LABELS | {hidden.detector.upper() for hidden in placeholders.values()}
        names = "|".join(sorted(labels, key=len, reverse=True))
        dashed = names.replace("_", "-")
        self._alike = re.compile(
            rf"<(?:{names})_(?:[0-9]+|HMAC:[0-9A-F]+)>|(?:{dashed})-[0-9]{{4,}}"
        )

    def stands_in(self, raw: bytes) -> bool:
        """Whether a placeholder stands in ``raw``, spelled plainly."""
        return self._any.search(raw.decode("latin-1")) is not None

    def restore(self, text: str, spell: Callable[[str], str]) -> str:
        """Return ``text`` with the values, each put through ``spell``."""

        def behind(match: re.Match[str]) -> str:
            hidden = self._placeholders[match[0]]
            self.restored[hidden.detector] += 1
            return spell(hidden.value)

        return self._any.sub(behind, text)

    def begun(self, text: str) -> int:
        """Return from where on ``text`` may be the beginning of a placeholder: its end, if not."""
        matches = list(self._any.finditer(text, max(0, len(text) - 2 * self.longest)))
        last = matches[-1] if matches else None
        start = last.end() if last is not None else 0
        if last is not None and last.end() == len(text) and last[0] in self._beginnings:
            return last.start()
        for place in range(max(start, len(text) - self.longest + 1), len(text)):
            if text[place:] in self._beginnings:
                return place
        return len(text)

    def count_unresolved(self, text: str, start: int = 0) -> None:
        """Count what looks like our placeholders, ends after ``start`` and stands for nothing."""
        self.unresolved += sum(
            match.end() > start and match[0] not in self._placeholders
            for match in self._alike.finditer(text)
        )
