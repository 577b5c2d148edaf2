r"""E-mail addresses, as they stand in JSON-escaped text.

They are found by their `@` and read backwards: the local part is the run of characters before it,
without what belongs to an escape, an encoding or a terminal's control sequence. So the ``n`` of
``\n@pytest.fixture`` is no local part.
"""

import re

from ..json.escapes import escape_around
from .detector import Finder
from .edges import INTRODUCERS, LONGEST_EDGE, token_start

_WINDOW = 160  # bytes before an `@` in which a local part begins
_LONGEST_LOCAL = 64  # octets (RFC 5321 §4.5.3.1.1)
# Letters of Latin, Greek and Cyrillic (U+00C0-U+052F), in UTF-8 and escaped. Other scripts set no
# space between an address and the word before it.
_LETTER = (
    rb"[\xc3-\xd3][\x80-\xbf]|\xd4[\x80-\xaf]|\\u0(?:0[c-fC-F][0-9a-fA-F]|[1-4][0-9a-fA-F]{2})"
)
_REVERSED = re.compile(
    rb"(?>(?:(?:[0-9a-fA-F][c-fC-F]0|[0-9a-fA-F]{2}[1-4])0u\\|"
    rb"[A-Za-z0-9._+'-]|[\x80-\xbf][\xc3-\xd4])*)"
)
# A local part of one word behind a space or the like: as nearly always.
_NEAR = 24
_PLAIN_REVERSED = re.compile(rb"[A-Za-z0-9_]++[ ,;:<>(|]")
_IN_LOCAL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+'-")
_IN_LOCAL |= frozenset(range(0x80, 0xC0))
_IN_DOMAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789\\")
_LEADS = frozenset(range(0xC3, 0xD5))
_IN_DOMAIN |= _LEADS
# `O'Brien`, but not `f'name` or `'name`: there the quote opens a literal.
_APOSTROPHE = re.compile(
    rb"(?:[A-Za-z0-9._+-]*[._-])?(?:[OoDdLlMmTt]|[A-Za-z]{2,}(?<!rb|br|fr|rf))'[A-Za-z]"
)
_ASCII_LABEL = rb"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ANY_LABEL = rb"(?:[A-Za-z0-9-]|" + _LETTER + rb"){1,63}"
_TOP = rb"\.(?:xn--[a-z0-9-]{1,59}|[A-Za-z]{2,24})(?![A-Za-z0-9])"
ADDRESS = re.compile(
    rb"(?P<local>(?>(?:[A-Za-z0-9._+'-]|" + _LETTER + rb"){1,64}))(?:@|%40)(?P<domain>"
    rb"(?:" + _ASCII_LABEL + rb"\.){0,7}" + _ASCII_LABEL + _TOP + rb"|"
    rb"(?:" + _ANY_LABEL + rb"\.){0,7}" + _ANY_LABEL + _TOP + rb")"
)


def local_start(text: bytes, sign: int) -> int:
    """Return where the local part before the ``sign`` starts, -1 if there is none."""
    after = sign + (3 if text[sign] == 0x25 else 1)  # noqa: PLR2004 - `%40`
    if not 0 < sign <= after < len(text):
        return -1
    before = text[sign - 1]
    if before not in _IN_LOCAL or text[after] not in _IN_DOMAIN:
        return -1
    if before >= 0x80 and text[sign - 2] not in _LEADS:  # noqa: PLR2004 - as in `2→@property`
        return -1
    near = _PLAIN_REVERSED.match(text[max(0, sign - _NEAR) : sign][::-1])
    if near is not None:
        start = sign - near.end() + 1
        if INTRODUCERS.search(text, max(0, start - LONGEST_EDGE), start) is None:
            return start
    run = _REVERSED.match(text[max(0, sign - _WINDOW) : sign][::-1])
    first = sign if run is None else sign - run.end()
    start = token_start(text, first, sign)
    while (around := escape_around(text, start)) is not None:
        start = around[1]
    local = text[start:sign]
    if b"'" in local and _APOSTROPHE.match(local) is None:
        local = local[local.rindex(b"'") + 1 :]
    local = local.lstrip(b".+'-")
    if not local or len(local) > _LONGEST_LOCAL or local.endswith((b"-", b".", b"'")):
        return -1
    return sign - len(local)


FINDERS = tuple(Finder(one, local_start, before=_IN_LOCAL) for one in (b"@", b"%40"))
