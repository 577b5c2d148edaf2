"""W3C Trace Context: the header field ``traceparent`` (https://www.w3.org/TR/trace-context/)."""

import re

import msgspec

TRACEPARENT = b"traceparent"
LONGEST = 512  # characters that are looked at; a later version may append fields
_PARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?",
    re.ASCII,
)
_SAMPLED = 1  # the lowest bit of the flags


class TraceContext(msgspec.Struct, frozen=True):
    """A span and its trace, as hexadecimal ids, and whether its trace is recorded."""

    trace_id: str
    span_id: str
    sampled: bool


def parse(value: str) -> TraceContext | None:
    """Return the context of a ``traceparent`` field, None if it is invalid."""
    match = _PARENT.fullmatch(value) if len(value) <= LONGEST else None
    if match is None or (match[1] == "00" and match[5]):  # version 00 has four fields
        return None
    return TraceContext(match[2], match[3], bool(int(match[4], 16) & _SAMPLED))
