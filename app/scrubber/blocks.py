r"""Secrets of several lines: private keys and Ansible vaults, whatever stands between the lines.

The lines are JSON-escaped (`\n`), perhaps twice, or percent-encoded; a gutter of line numbers,
indentation, quotes, comment signs or a diff's signs may start them.
"""

import re

_LINE_END = rb"(?:(?:\\+r)?\\+n|(?:%0[Dd])?%0[Aa])"
_COLOUR = rb"(?:\\+u001[bB]\[[0-9;]{0,12}[mK])*+"
# `     2→` (Claude Code), `2<tab>` (cat -n), `2:` and `2-` (grep -n), `2 | ` and `2 │ ` (bat).
_NUMBER = (
    rb"(?:[ ]|\\+t)*+"
    + _COLOUR
    + rb"[0-9]{1,7}"
    + _COLOUR
    + rb"(?:\xe2\x86\x92|\\+u2192|\\+t|[:-]|"
    rb"[ ]?(?:\||\xe2\x94\x82|\\+u2502)[ ]?)"
)
_INDENT = rb"(?:[ >#*|;'`,+]|-(?!-)|//|\\+[t\"'])*+"
_START = rb"(?:" + _NUMBER + rb")?+" + _COLOUR + _INDENT
_LINE_CLOSE = rb"(?:[ '`,;+.]|\\+[\"'])*+"
_BREAK = _LINE_CLOSE + rb"(?:" + _LINE_END + _START + rb")++"
_ENDED = rb"(?=" + _LINE_CLOSE + rb"(?:\\|%0|$))"

_SPACE = rb"(?: |%20|\+)"
_KIND = rb"(?:" + _SPACE + rb"[A-Z0-9]{2,12}){0,3}?" + _SPACE + rb"PRIVATE" + _SPACE + rb"KEY"
_KIND += rb"(?:" + _SPACE + rb"BLOCK)?-----"
_FIELD = rb"[A-Z][A-Za-z-]{2,30}: [^\\]{0,200}+"

_BASE64_LINE = rb"[A-Za-z0-9+/]{40,}+={0,2}|[A-Za-z0-9+/]{16,}+={0,2}" + _ENDED

PRIVATE_KEY = re.compile(
    rb"-----BEGIN" + _KIND + rb"(?:"
    # The whole block, whatever is in it.
    rb"(?:[^-]++|-(?!----(?:BEGIN|END)))*+-----END"
    + _KIND
    +
    # No end: the lines of base64 that follow, perhaps none.
    rb"|(?:"
    + _BREAK
    + rb"(?:"
    + _BASE64_LINE
    + rb"|"
    + _FIELD
    + _ENDED
    + rb"))*+"
    rb"(?:" + _BREAK + rb"[A-Za-z0-9+/]{2,}+={1,2}" + _ENDED + rb")?+)"
)

ANSIBLE_VAULT = re.compile(
    rb"\$ANSIBLE_VAULT;[0-9.]{1,5};[A-Z0-9]{1,12}(?:;[A-Za-z0-9_.@-]{1,64})?+"
    rb"(?:(?:" + _BREAK + rb"[0-9a-f]{16,}+(?![A-Za-z0-9]))++"
    rb"(?:" + _BREAK + rb"[0-9a-f]{2,}+(?![A-Za-z0-9]))?+)?+"
)

_NUMBERED = re.compile(rb"(" + _LINE_END + rb")" + _NUMBER)
_ANY_BREAK = re.compile(_LINE_END)


def without_gutter(block: bytes) -> bytes:
    """Return the block as it stands in its file: without line numbers, if its lines have them."""
    if len(_NUMBERED.findall(block)) < len(_ANY_BREAK.findall(block)):
        return block
    return _NUMBERED.sub(rb"\1", block)
