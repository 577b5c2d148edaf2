"""What stands in for a value, and the ledger of one request that gives it out.

Secrets are numbered by type in cache order, identifiers carry a truncated HMAC-SHA256 of their
value, so that the same one is recognised across requests.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from app.scrubber.detectors import Detector

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

    def secret(self, label: str, number: int) -> str:
        """Return the placeholder of a secret."""
        return f"<{label}_{number}>" if self._angle else f"{_dashed(label)}-{number:04}"

    def identifier(self, label: str, value: str, digits: int) -> str:
        """Return the placeholder of an identifier."""
        digest = hmac.new(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256)
        shown = digest.hexdigest()[:digits].upper()
        return f"<{label}_HMAC:{shown}>" if self._angle else f"{_dashed(label)}-HMAC-{shown}"

    def literal(self, labels: Iterable[str]) -> re.Pattern[bytes]:
        """Return what finds a secret's placeholder in text: its label and its number."""
        if self._angle:
            names = "|".join(map(re.escape, labels))
            return re.compile(rf"<(?P<label>{names})_(?P<number>[0-9]{{1,9}})>".encode())
        names = "|".join(re.escape(_dashed(label)) for label in labels)
        return re.compile(rf"(?P<label>{names})-(?P<number>[0-9]{{4,9}})".encode())


def _dashed(label: str) -> str:
    return label.replace("_", "-")


class Known(NamedTuple):
    """A value that has been detected, or a password in it, and what stands for it."""

    detector: Detector
    value: str
    placeholder: str | None  # None for a password that has not stood alone yet


class Ledger:
    """Which placeholders one request has given out, up to a place in it.

    A pure function of the text before that place; ``digest`` tells two such states apart.
    State: ``_by_value``, ``placeholders``, ``_next`` (the last number by label), ``_reserved``.
    """

    def __init__(self, scheme: Scheme) -> None:
        self.digest = b""
        self.placeholders: dict[str, Hidden] = {}
        self._scheme = scheme
        self._by_value: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._reserved: set[tuple[str, int]] = set()

    def reserve(self, label: str, number: int) -> bool:
        """Leave out a number that the text itself uses; whether that is news."""
        taken = (label, number) in self._reserved or number <= self._numbers.get(label, 0)
        self._reserved.add((label, number))
        return not taken
