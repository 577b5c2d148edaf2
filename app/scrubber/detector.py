"""What a detector is: one kind of secret, as data.

Each works on JSON-escaped bytes, in two steps. ``gate`` (RE2 syntax) finds where a match may
start: all gates run as one automaton, in linear time whatever the text. ``pattern`` is then
matched there, and ``accepts`` has the last word. A gate is wider than its pattern.

``group`` is the pattern's group that is replaced (0: all of it), ``passwords`` are groups whose
value is a secret by itself; other groups are for the validator.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from app.scrubber.validators import Validator

Tier = Literal["secret", "identifier"]


class Pattern(Protocol):
    """What ``re`` and ``re2`` share: a match at one place, as if the text ended at ``end``."""

    def match(self, text: bytes, start: int, end: int, /) -> re.Match[bytes] | None:
        """Match at ``start``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One kind of secret. ``examples`` must be found, ``negatives`` must not, in every form."""

    name: str
    tier: Tier = "secret"
    gate: str
    pattern: Pattern
    accepts: Validator | None = None
    group: int | str = 0
    passwords: tuple[str, ...] = ()
    canonical: Callable[[bytes], bytes] = bytes  # the value, of the text replaced
    shared: bool = True  # its gate begins with a boundary or a head, and runs with the others
    examples: tuple[str, ...]
    negatives: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name as it stands in placeholders."""
        return self.name.upper()


def after(token: str) -> str:
    r"""Return the RE2 for the left boundary of a token made of the class ``token``.

    ``\b`` is wrong here: in ``\nghp_…`` the ``n`` belongs to a JSON escape, in ``%3Dghp_…`` the
    ``D`` to percent-encoding, in ``[0mghp_…`` the ``m`` to a terminal's colour (ECMA-48 SGR),
    and a ``-`` that starts a line is a diff's.
    """
    return (
        r"(?:(?:\\n|\")[+-]|\\[nrtbf]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|%[0-9A-Fa-f]{2}|"
        rf"\[[0-9;]{{0,12}}[mK]|[^{token}])"
    )
