r"""Secrets of several lines: private keys and Ansible vaults, whatever stands between the lines.

The lines are JSON-escaped (`\n`), perhaps twice, or percent-encoded; a gutter of line numbers,
indentation, quotes, comment signs or a diff's signs may start them.

A group that repeats without being given back is written `(?>(?:…)*)`, not `(?:…)*+`: before Python
3.11.5 the second form misses matches (tests/scrubber/test_possessive.py).
"""

import re

_LINE_END = rb"(?:(?:\\+r)?\\+n|(?:%0[Dd])?%0[Aa])"
_COLOUR = rb"(?>(?:\\+u001[bB]\[[0-9;]{0,12}[mK])*)"
# `     2→` (Claude Code), `2<tab>` (cat -n), `2:` and `2-` (grep -n), `2 | ` and `2 │ ` (bat),
# `file-2-` (grep -An).
_NUMBER = (
    rb"(?>(?:[ ]|\\+t)*)"
    + _COLOUR
    + rb"(?:[A-Za-z0-9_./~@+-]{1,200}?"
    + _COLOUR
    + rb"[:-]"
    + _COLOUR
    + rb"(?=[0-9]{1,7}\S{0,40}?[:-]))?"
    + rb"[0-9]{1,7}"
    + _COLOUR
    + rb"(?:\xe2\x86\x92|\\+u2192|\\+t|[:-]|"
    rb"[ ]?(?:\||\xe2\x94\x82|\\+u2502)[ ]?)"
)
_INDENT = rb"(?>(?:[ >#*|;'`,+]|-(?!-)|//|\\+[t\"'])*)"
LINE_START = re.compile(rb"(?:\"|" + _LINE_END + rb")(?:" + _NUMBER + rb")?" + _COLOUR + rb"[ ]*\Z")
_START = rb"(?>(?:" + _NUMBER + rb")?)" + _COLOUR + _INDENT
_LINE_CLOSE = rb"(?>(?:[ '`,;+.]|\\+[\"'])*)"
_BREAK = _LINE_CLOSE + rb"(?>(?:" + _LINE_END + _START + rb")+)"
_ENDED = rb"(?=" + _LINE_CLOSE + rb"(?:\\|%0|-----END|$))"
_GAP = rb"(?>(?:" + _BREAK + rb"|(?>(?: |%20|<br ?/?>|&#1[03];)+))?)"  # where lines were joined

_SPACE = rb"(?: |%20|\+)"
_KIND = rb"(?:" + _SPACE + rb"[A-Z0-9]{2,12}){0,3}?" + _SPACE + rb"PRIVATE" + _SPACE + rb"KEY"
_KIND += rb"(?:" + _SPACE + rb"BLOCK)?-----"
_FIELD = rb"[A-Z][A-Za-z-]{2,30}: [^\\]{0,200}+"

_BASE64 = rb"(?:[A-Za-z0-9+/]|%2[BbFf])"
_PADDING = rb"(?:=|%3[Dd])"
_LONG, _SHORT = (
    b"(?>" + _BASE64 + b"{%d,})" % least + _PADDING + rb"{0,2}" + end
    for least, end in ((40, b""), (16, _ENDED))
)
_LINE = _GAP + rb"(?:" + _LONG + rb"|" + _SHORT + rb"|" + _FIELD + _ENDED + rb")"

PRIVATE_KEY = re.compile(
    rb"-----BEGIN" + _KIND + rb"(?:"
    # The whole block, if it begins like one.
    rb"(?="
    + _LINE
    + rb")(?>(?:[^-]++|-(?!----(?:BEGIN|END)))*)-----END"
    + _KIND
    +
    # No end: the lines of base64 that follow, perhaps none.
    rb"|(?>(?:"
    + _LINE
    + rb")*)"
    rb"(?>(?:" + _GAP + rb"(?>" + _BASE64 + rb"{2,})" + _PADDING + rb"{1,2}" + _ENDED + rb")?))"
)

ANSIBLE_VAULT = re.compile(
    rb"\$ANSIBLE_VAULT;[0-9.]{1,5};[A-Z0-9]{1,12}(?>(?:;[A-Za-z0-9_.@-]{1,64})?)"
    rb"(?>(?:(?>(?:" + _BREAK + rb"[0-9a-f]{16,}+(?![A-Za-z0-9]))+)"
    rb"(?>(?:" + _BREAK + rb"[0-9a-f]{2,}+(?![A-Za-z0-9]))?))?)"
)

_NUMBERED = re.compile(rb"(" + _LINE_END + rb")" + _NUMBER)
_ANY_BREAK = re.compile(_LINE_END)


def without_gutter(block: bytes) -> bytes:
    """Return the block as it stands in its file: without line numbers, if its lines have them."""
    if len(_NUMBERED.findall(block)) < len(_ANY_BREAK.findall(block)):
        return block
    return _NUMBERED.sub(rb"\1", block)
