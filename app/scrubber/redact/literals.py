r"""Placeholders that a request holds itself, before anything in it is replaced.

Two things follow from one. Its number is never given out after it. And whoever wrote it may want
the model to repeat it: it is *foreign*, and never restored in the answer. What the model itself
said earlier is not foreign, nor are its thoughts, which the client sends back unchanged.

A model undoes escapes, so other spellings count too: ``&lt;github_token_01&gt;``, ``\u003c…``,
``%3C…``, ``<GITHUB\_TOKEN\_1>``.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ..automaton import compiled
from ..placeholders import Scheme

_OPEN = re.compile(
    rb"(?:<|&lt;|&#0*60;|&#x0*3c;|%3c|\\+(?:u003c|x3c)|\xef\xbc\x9c|\\+uff1c)\Z", re.IGNORECASE
)
_LONGEST_OPEN = 16  # bytes
# Blocks of an assistant's message that are the model's own words, and their members that are.
_OWN = {
    "text": "text",
    "tool_use": "input",
    "server_tool_use": "input",
    "mcp_tool_use": "input",
    "compaction": "content",
}
_THOUGHTS = frozenset(("thinking", "redacted_thinking"))


class Literal(NamedTuple):
    """A placeholder as it would be written; ``number`` is None for an identifier's."""

    label: str
    number: int | None
    placeholder: str


class Literals:
    """Finds them, for one way of writing placeholders."""

    def __init__(self, scheme: Scheme, labels: Iterable[str]) -> None:
        self._scheme = scheme
        self._labels = {scheme.spelled(label): label for label in labels}
        names = "|".join(
            re.escape(name).replace("_", r"\\*_").replace(r"\-", "-")
            for name in sorted(self._labels, key=len, reverse=True)
        )
        self.gate = rf"(?i:{names})(?:\\*_|-)[0-9Hh]"
        self._gate = compiled(self.gate)
        self._pattern = re.compile(rf"({names}){scheme.tail}(?![0-9a-z_])".encode(), re.IGNORECASE)

    def find(self, text: bytes) -> Iterator[tuple[int, Literal]]:
        """Yield the placeholders in ``text``, and where their labels start."""
        for gate in self._gate.finditer(text):
            start = gate.start()
            match = self._pattern.match(text, start)
            literal = None if match is None else self._literal(text, start, match)
            if literal is not None:
                yield start, literal

    def is_one(self, text: bytes) -> bool:
        """Return True if ``text`` is a placeholder and nothing else: it hides a value already."""
        match = self._pattern.fullmatch(text)
        literal = None if match is None else self._literal(text, 0, match)
        return literal is not None and literal.placeholder.encode() == text

    def foreign(self, unit: bytes, *, in_tools: bool) -> set[str]:
        """Return the placeholders in a unit that are not the model's own words."""
        try:
            node = json.loads(unit, object_pairs_hook=_unrepeated)
            texts = list(_foreign_strings(node, in_tools=in_tools))
        except (ValueError, RecursionError):
            return set(self._in(unit))
        return {
            shown for text in texts for shown in self._in(text.encode("utf-8", "surrogatepass"))
        }

    def _in(self, text: bytes) -> Iterator[str]:
        for _, literal in self.find(text):
            yield literal.placeholder

    def _literal(self, text: bytes, start: int, match: re.Match[bytes]) -> Literal | None:
        bare = self._scheme.bracketed and text[start - 1 : start] != b"<"
        if bare and not _OPEN.search(text, max(0, start - _LONGEST_OPEN), start):
            return None
        name, digest, number = match.group(1, "digest", "number")
        label = (
            self._labels.get(name.decode()) or self._labels[name.decode().replace("\\", "").upper()]
        )
        if digest:
            shown = self._scheme.identified(label, digest.decode().upper())
            return Literal(label, None, shown)
        return Literal(label, int(number), self._scheme.secret(label, int(number)))


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; raises ValueError for a repeated name, which could hide a text."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name is repeated")
    return made


def _foreign_strings(unit: Any, *, in_tools: bool) -> Iterator[str]:
    assistant = isinstance(unit, dict) and unit.get("role") == "assistant" and not in_tools
    if not assistant:
        yield from _strings(unit)
        return
    content = unit.get("content")
    for block in content if isinstance(content, list) else []:
        if not isinstance(block, dict):
            yield from _strings(block)
        elif block.get("type") not in _THOUGHTS:
            own = _OWN.get(str(block.get("type")))
            yield from _strings({name: one for name, one in block.items() if name != own})


def _strings(node: Any) -> Iterator[str]:
    """Yield the strings and names in a value, without recursion."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.keys()
            waiting += one.values()
