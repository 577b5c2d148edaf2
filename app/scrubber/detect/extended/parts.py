"""What the patterns of credentials without a format of their own share."""

import re

from .. import validators
from ..blocks import NEXT_LINE
from ..urls import ESCAPED_LETTER

QUOTE = rb"(?:\\*[\"']|%22|%27|`)"
SPACE = rb"(?:[ ]|\\+t|%20|%09)"
BREAK = rb"(?:" + NEXT_LINE + rb")"
# A password that ends at a space, a quote or an escape.
PASSWORD_WORD = (
    rb"(?>(?:[^\s\"'`\\;,<>&%]++|%(?!20|26|0[9AaDd])|\\\\(?![nrtbfux0-9\"'\\/])|"
    + ESCAPED_LETTER
    + rb")+)"
)  # fmt: skip


def is_token(match: re.Match[bytes]) -> bool:
    """Return True for what no words make and no template leaves open."""
    return validators.is_no_hole(match["secret"]) and validators.is_random(match["secret"])
