"""Estimates the output tokens of a stream that ends early: about 4 characters a token.

Anthropic's own gateway counts in this way. Characters of content are counted, not bytes of JSON:
text, thinking and the input of tools; signatures and citations are not billed.
"""

import itertools
import math
from collections.abc import Sequence

from msgspec.structs import replace

from .records import Delta
from .usage import Attempt, Usage

CHARACTERS = 4  # a token, on average


class Spoken:
    """Counts the content of a stream, by the model that wrote it.

    State: ``characters`` so far, ``_fallbacks``, where each began and its model.
    """

    def __init__(self) -> None:
        self.characters = 0
        self._fallbacks: list[tuple[int, str | None]] = []

    @property
    def model(self) -> str | None:
        """The model of the last fallback, None without one."""
        return self._fallbacks[-1][1] if self._fallbacks else None

    def hear(self, delta: Delta) -> None:
        """Count the content of one delta."""
        self.characters += len(delta.text) + len(delta.partial_json) + len(delta.thinking)

    def fell_back(self, model: str | None) -> None:
        """Note that another model takes over."""
        self._fallbacks.append((self.characters, model))

    def estimated(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Return ``attempts``, the answer's own first, with the floor as their output.

        Each fallback becomes an attempt of its own: its prompt is not known.
        """
        if not attempts:
            return []
        bounds = [0, *(start for start, _ in self._fallbacks), self.characters]
        floors = [
            math.ceil((end - start) / CHARACTERS) for start, end in itertools.pairwise(bounds)
        ]
        own, *others = attempts
        usage = replace(own.usage, output=max(own.usage.output, floors[0]))
        fallbacks = [
            Attempt(model=model, usage=Usage(output=floor), kind="fallback_message", estimated=True)
            for (_, model), floor in zip(self._fallbacks, floors[1:], strict=True)
        ]
        return [replace(own, usage=usage, estimated=True, samplings=()), *fallbacks, *others]
