"""What the patterns of credentials without a format of their own share."""

import re

from .. import validators
from ..blocks import NEXT_LINE

QUOTE = rb"(?:\\*[\"']|%22|%27|`)"
SPACE = rb"(?:[ ]|\\+t|%20|%09)"
BREAK = rb"(?:" + NEXT_LINE + rb")"
# A character of a password that ends at a space, a quote or an escape.
_PASSWORD = rb"(?:(?!%(?:20|26|0[9AaDd]))[^\s\"'`\\;,<>&]|\\\\(?![nrtbfux0-9\"'\\/]))"
PASSWORD_WORD = rb"(?>" + _PASSWORD + rb"{1,256})"


def is_token(match: re.Match[bytes]) -> bool:
    """Return True for what no words make and no template leaves open."""
    return validators.is_no_hole(match["secret"]) and validators.is_random(match["secret"])
