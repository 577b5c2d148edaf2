"""What the parts of a message's head may consist of (RFC 9110 §5, RFC 9112 §3, RFC 9113 §8.2)."""

import re
import sys
from collections.abc import Iterable, Sequence

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
_LOWER_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
_LINE_ENDS = b"\0\n\v\f\r"
_CONTROLS = bytes(code for code in (*range(0x20), 0x7F) if code != ord("\t"))
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_BLANK_AROUND = re.compile(rb"\A[ \t]|[ \t]\Z")
_NOT_IN_TARGET = re.compile(rb"[\0-\x20\x7f]")
# uri-host and port (RFC 3986 §3.2.2, §3.2.3), without user information.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]*)?")
_STATUS = re.compile(rb"[0-9]{3}")
_LENGTH = re.compile(rb"[0-9]{1,19}")


def is_token(text: bytes) -> bool:
    """Return True for a token: a method, or a field's name (RFC 9110 §5.6.2)."""
    return _TOKEN.fullmatch(text) is not None


def are_lower_tokens(names: Sequence[bytes]) -> bool:
    """Return True if all are tokens without an upper-case letter (RFC 9113 §8.2.1)."""
    return b"" not in names and consists_of(b"".join(names), _LOWER_TOKEN)


def holds_line_end(texts: Iterable[bytes]) -> bool:
    """Return True if a text could end its line or the section (RFC 9110 §5.5).

    CR, LF, NUL; and VT and FF, which some take for line breaks. h11 refuses all of them.
    """
    joined = b"".join(texts)  # a byte is looked for by its number: `in` first takes all for one
    return bool([code for code in _LINE_ENDS if code in joined])  # `bytes.translate` is slower


def holds_bare_line_feed(text: bytes | bytearray, start: int = 0, end: int = sys.maxsize) -> bool:
    """Return True if a line of a part of ``text`` ends without CR (RFC 9112 §2.2)."""
    return _BARE_LINE_FEED.search(text, start, end) is not None


def holds_control(texts: Iterable[bytes | bytearray]) -> bool:
    """Return True if a text holds a control character other than a tab (RFC 9110 §5.5)."""
    return _holds(b"".join(texts), _CONTROLS)


def has_blank_around(text: bytes) -> bool:
    """Return True if a field's value begins or ends with a blank (RFC 9113 §8.2.1)."""
    return _BLANK_AROUND.search(text) is not None


def is_target(text: bytes) -> bool:
    """Return True if a request line can carry it: no blank, no control character (RFC 9112 §3)."""
    return bool(text) and not _NOT_IN_TARGET.search(text)


def is_host(text: bytes) -> bool:
    """Return True for a host with or without a port (RFC 9110 §7.2)."""
    return _HOST.fullmatch(text) is not None


def is_status(text: bytes) -> bool:
    """Return True for three digits (RFC 9110 §15)."""
    return _STATUS.fullmatch(text) is not None


def is_length(text: bytes) -> bool:
    """Return True for a length that any party can count (RFC 9110 §8.6)."""
    return _LENGTH.fullmatch(text) is not None


def announces_content(text: bytes) -> bool:
    """Return True if the value of a content-length is not zero; it need not be a number."""
    return bool(text.strip(b"0"))


def announced_length(text: bytes | None) -> int | None:
    """Return the content-length that a field announces, None for a field that is none.

    Of a number that no body reaches, the first digits are enough.
    """
    return int(text[:20]) if text is not None and text.isdigit() else None


def consists_of(text: bytes, characters: bytes) -> bool:
    """Return True if a text has no other characters; a regular expression takes much longer."""
    return not text.translate(None, characters)


def _holds(text: bytes, characters: bytes) -> bool:
    """Return True if a text has one of the characters."""
    return len(text.translate(None, characters)) < len(text)
