"""Placeholders: how they are written.

Secrets are numbered by type in cache order, identifiers carry a truncated HMAC-SHA256 of their
value, so that the same one is recognised across requests.
"""

import hashlib
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
        self._hmac = _Hmac(key)
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
        return self._hmac.hexdigest(value.encode("utf-8", "surrogatepass"))


class _Hmac:
    """HMAC-SHA256 (RFC 2104) with a key hashed once: a fifth of the time of `hmac.digest`."""

    def __init__(self, key: bytes) -> None:
        size = hashlib.sha256().block_size
        padded = (hashlib.sha256(key).digest() if len(key) > size else key).ljust(size, b"\0")
        self._inner = hashlib.sha256(bytes(octet ^ 0x36 for octet in padded))
        self._outer = hashlib.sha256(bytes(octet ^ 0x5C for octet in padded))

    def hexdigest(self, text: bytes) -> str:
        """Return the HMAC of a text."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.hexdigest()
