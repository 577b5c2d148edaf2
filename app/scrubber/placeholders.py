"""Placeholders: how they are written.

Secrets are numbered by type in cache order, identifiers carry a truncated HMAC-SHA256 of their
value, so that the same one is recognised across requests.
"""

import hmac
from collections.abc import Mapping
from typing import Literal

import msgspec

Style = Literal["angle", "token"]
DIGEST_DIGITS = 8  # of an identifier's HMAC; more on a collision inside one request


class Hidden(msgspec.Struct, frozen=True):
    """A value that stays on this machine, and the detector that found it."""

    detector: str
    value: str


Placeholders = Mapping[str, Hidden]


class Scheme:
    """How placeholders are written: ``<TYPE_1>`` (angle) or ``TYPE-0001`` (token)."""

    def __init__(self, style: Style, key: bytes) -> None:
        self.bracketed = self._angle = style == "angle"
        self._hmac = hmac.new(key, digestmod="sha256")  # hashing the key takes most of the time
        # What follows a label, in `re` syntax, with the escapes that Markdown or JSON may add.
        self.tail = (
            r"\\*_(?:HMAC:(?P<digest>[0-9A-F]{8,64})|0*(?P<number>[0-9]{1,9}))"
            if self._angle
            else r"-(?:HMAC-(?P<digest>[0-9A-F]{8,64})|0*(?P<number>[0-9]{1,9}))"
        )

    def spelled(self, label: str) -> str:
        """Return a detector's label as it is written."""
        return label if self._angle else label.replace("_", "-")

    def secret(self, label: str, number: int) -> str:
        """Return the placeholder of a secret."""
        spelled = self.spelled(label)
        return f"<{spelled}_{number}>" if self._angle else f"{spelled}-{number:04}"

    def identifier(self, label: str, value: str, digits: int) -> str:
        """Return the placeholder of an identifier."""
        return self.identified(label, self.digest(value)[:digits].upper())

    def identified(self, label: str, digest: str) -> str:
        """Return the placeholder of an identifier with these digits."""
        spelled = self.spelled(label)
        return f"<{spelled}_HMAC:{digest}>" if self._angle else f"{spelled}-HMAC-{digest}"

    def digest(self, value: str) -> str:
        """Return the HMAC-SHA256 of a value, in hexadecimal."""
        keyed = self._hmac.copy()
        keyed.update(value.encode("utf-8", "surrogatepass"))
        return keyed.hexdigest()
