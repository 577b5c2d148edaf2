"""Which header fields pass from one side to the other (RFC 9110 §7.6.1).

Header lists are lists of byte pairs with lower-case names, in the order they came; nothing is
merged, sorted or decoded. Nothing is added that the sender did not send, except ``host`` and
the framing that the next hop needs.
"""

from collections.abc import Collection, Iterable, KeysView, Mapping
from itertools import chain

from .grammar import holds_line_end

Headers = list[tuple[bytes, bytes]]


class Sound(Headers):
    """Fields whose names are lower-case tokens, and of whose values none could end its line.

    Whoever has found that out says so by this type: the same fields are not looked through again.
    A list made from one is plain, unless its maker says the same.
    """


TOKEN_HEADER = b"x-anthropic-proxy-token"  # the access token of this proxy (behaviour E2)
LABELS_HEADER = b"x-anthropic-proxy-labels"  # the user's labels of a request, for the ledger
ERROR_HEADER = b"x-anthropic-proxy-error"  # marks an answer of our own, with its reason

KEEP_ALIVE = b"keep-alive"  # a field, and an option of Connection

# They belong to one connection, and HTTP/2 forbids them (RFC 9113 §8.2.2).
CONNECTION_FIELDS = frozenset(
    {b"connection", KEEP_ALIVE, b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
HOP_BY_HOP = CONNECTION_FIELDS | {
    b"proxy-authenticate",
    b"proxy-authentication-info",
    b"proxy-authorization",  # meant for this hop: consumed
    b"te",
    b"trailer",
}
# `host` is upstream's, `expect` was answered by our listener (RFC 9110 §10.1.1).
NOT_FORWARDED = HOP_BY_HOP | {b"host", b"expect", TOKEN_HEADER, LABELS_HEADER}
# Upstream must not pass its answer off as the proxy's.
_NOT_RETURNED = HOP_BY_HOP | {ERROR_HEADER}
# What a transport leaves out of a request, whoever sends it. Over HTTP/2 `host` is `:authority`;
# over HTTP/1.1 nobody waits for a 100, and the transport frames the body itself.
NOT_SENT_HTTP2 = CONNECTION_FIELDS | {b"te", b"host"}
NOT_SENT_HTTP1 = CONNECTION_FIELDS | {b"te", b"expect"}
# Kept out of every compression table on the way (RFC 7541 §7.1.3).
SECRET = frozenset({b"authorization", b"cookie", b"x-api-key"})
# What a `Connection` field cannot take away: without it the body would lose its end.
FRAMING = frozenset({b"content-length"})
# Statuses of responses that have no content, whatever their fields say (RFC 9110 §6.4.1).
BODILESS = frozenset({204, 304})
NO_CONTENT = 204


def first(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """Return the value of the first field called ``name`` (lower case)."""
    for key, value in headers:  # a generator takes twice as long
        if key == name:
            return value
    return None


def text(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """Return what `first` does, as text."""
    value = first(headers, name)
    return None if value is None else value.decode("latin-1")


def credential_of(fields: Mapping[bytes, bytes]) -> bytes | None:
    """Return what a client pays with: its key, or its login's token."""
    return fields.get(b"x-api-key") or fields.get(b"authorization")


def well_formed(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return True if no value could end its line or the section (RFC 9110 §5.5)."""
    return type(headers) is Sound or not holds_line_end(chain.from_iterable(headers))


def for_upstream(headers: Headers, *, host: bytes) -> Headers:
    """Return the client's end-to-end fields, ``host`` first (RFC 9110 §7.2)."""
    names = dict(headers).keys()
    passed = _end_to_end(headers, names, NOT_FORWARDED)
    if b"cookie" in names:
        passed = _joined_cookies(passed)
    passed = [(b"host", host), *passed]
    return Sound(passed) if type(headers) is Sound else passed


def for_client(headers: Iterable[tuple[bytes, bytes]], *, status: int) -> Headers:
    """Return upstream's end-to-end fields, names in lower case as ASGI wants them.

    No server may send a length with 204, and clients refuse one (RFC 9110 §8.6); with 304 it is the
    length of the content that is kept.
    """
    dropped = _NOT_RETURNED | FRAMING if status == NO_CONTENT else _NOT_RETURNED
    if type(headers) is Sound:
        return Sound(_end_to_end(headers, dict(headers).keys(), dropped))
    fields = [(name.lower(), value) for name, value in headers]
    return _end_to_end(fields, dict(fields).keys(), dropped)


def with_length(headers: Headers, length: int | None) -> Headers:
    """Return the list with its ``content-length`` set in place; None takes it out."""
    if length is None:
        return without(headers, {b"content-length"})
    if first(headers, b"content-length") is None:
        return [*headers, (b"content-length", b"%d" % length)]
    return [
        (name, b"%d" % length if name == b"content-length" else value) for name, value in headers
    ]


def without(headers: Headers, names: Collection[bytes]) -> Headers:
    """Return the list without the fields called ``names``."""
    return [(name, value) for name, value in headers if name not in names]


def _end_to_end(headers: Headers, names: KeysView[bytes], dropped: frozenset[bytes]) -> Headers:
    """Return the fields, whose ``names`` are these, without those of one connection."""
    if b"connection" in names:
        options = [value for name, value in headers if name == b"connection"]
        if options != [KEEP_ALIVE]:  # which is dropped anyway
            dropped = dropped | (_tokens(options) - FRAMING)
    return headers if dropped.isdisjoint(names) else without(headers, dropped)


def _tokens(values: list[bytes]) -> frozenset[bytes]:
    return frozenset(token.strip().lower() for value in values for token in value.split(b","))


def _joined_cookies(headers: Headers) -> Headers:
    """Join cookie crumbs, which HTTP/2 clients may send apart (RFC 9113 §8.2.3), at the first."""
    places = [place for place, (name, _) in enumerate(headers) if name == b"cookie"]
    if not places:
        return headers
    joined = b"; ".join(headers[place][1] for place in places)
    before, after = headers[: places[0]], headers[places[0] :]
    return [*before, (b"cookie", joined), *without(after, {b"cookie"})]
