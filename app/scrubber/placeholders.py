"""What stands in for a value, and how it is written.

Secrets are numbered by type in cache order, identifiers carry a truncated HMAC-SHA256 of their
value, so that the same one is recognised across requests.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Style = Literal["angle", "token"]
DIGEST_DIGITS = 8  # of an identifier's HMAC; more on a collision inside one request


@dataclass(frozen=True, slots=True)
class Hidden:
    """A value that stays on this machine, and the detector that found it."""

    detector: str
    value: str


Placeholders = Mapping[str, Hidden]


class Scheme:
    """How placeholders are written: ``<TYPE_1>`` (angle) or ``TYPE-0001`` (token)."""

    def __init__(self, style: Style, key: bytes) -> None:
        self._angle = style == "angle"
        self._key = key

    def spelled(self, label: str) -> str:
        """Return a detector's label as it is written."""
        return label if self._angle else label.replace("_", "-")

    def secret(self, label: str, number: int) -> str:
        """Return the placeholder of a secret."""
        spelled = self.spelled(label)
        return f"<{spelled}_{number}>" if self._angle else f"{spelled}-{number:04}"

    def identifier(self, label: str, value: str, digits: int) -> str:
        """Return the placeholder of an identifier."""
        digest = hmac.new(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256)
        spelled, shown = self.spelled(label), digest.hexdigest()[:digits].upper()
        return f"<{spelled}_HMAC:{shown}>" if self._angle else f"{spelled}-HMAC-{shown}"

    def literal(self, labels: Iterable[str]) -> str:
        """Return the pattern (RE2 and ``re``) of a secret's placeholder: its label, its number."""
        names = "|".join(map(self.spelled, labels))
        return rf"<({names})_([0-9]{{1,9}})>" if self._angle else rf"({names})-([0-9]{{4,9}})"
