"""The many names of one model: long context, release dates, and other clouds' spellings.

::

    claude-opus-5[1m]                       long context
    claude-opus-5-20260101, -latest         release date or alias
    claude-opus-5@20260101                  Vertex AI
    us.anthropic.claude-opus-5-v1:0         Bedrock, also behind an ARN
    anthropic/claude-opus-5, -4.1, :beta    gateways
"""

import re

DATED = re.compile(r"(?:\[1m\]|-\d{8})+$", re.ASCII)

_PREFIX = re.compile(
    r"^(?:\S{0,150}[/:])?(?:(?:[a-z][a-z-]{1,15}\.)?anthropic\.)?(?=claude-)", re.ASCII
)
_SUFFIX = re.compile(
    r"(?:\[1m\]|-\d{8}|-latest|@(?:\d{8}|latest|default)|-v\d(?::\d)?|:[a-z]\w{0,15})$", re.ASCII
)
_VERSION_DOT = re.compile(r"(?<=\d)\.(?=\d)", re.ASCII)
_SUFFIXES = 4  # at most, one behind the other


def plain(model: str) -> str:
    """Return the API's own name of a model, as far as it can be told from another one."""
    name = _PREFIX.sub("", model)
    for _ in range(_SUFFIXES):
        name = _SUFFIX.sub("", name)
    return _VERSION_DOT.sub("-", name)
