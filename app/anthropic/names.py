"""The many names of one model: long context, release dates, and other clouds' spellings.

::

    claude-opus-5[1m]                       long context
    claude-opus-5-20260101, -latest         release date or alias
    claude-opus-5@20260101                  Vertex AI
    us.anthropic.claude-opus-5-v1:0         Bedrock, also behind an ARN, or with :200k
    anthropic/claude-opus-5, -4.1, :beta    gateways
    claude-4-sonnet                         gateways that put the version first
"""

import re

DATED = re.compile(r"(?:\[1m\]|-\d{8})+$", re.ASCII)

_PREFIX = re.compile(
    r"^(?:\S{0,150}[/:])?(?:(?:[a-z][a-z-]{1,15}\.)?anthropic\.)?(?=claude-)", re.ASCII
)
_SUFFIX = re.compile(
    r"(?:\[1[mM]\]|-\d{8}|-latest|@(?:\d{8}|latest|default)|-v\d(?::\d)?"
    r"|:[a-z]\w{0,15}|:\d{1,4}[km])$",
    re.ASCII,
)
_REVERSED = re.compile(r"^claude-(\d{1,2}(?:-\d{1,2})?)-([a-z]{1,16})$", re.ASCII)
_VERSION_DOT = re.compile(r"(?<=\d)\.(?=\d)", re.ASCII)
_SUFFIXES = 5  # at most, one behind the other


def plain(model: str) -> str:
    """Return the API's own name of a model, as far as it can be told from another one."""
    name = _PREFIX.sub("", model)
    for _ in range(_SUFFIXES):
        name = _SUFFIX.sub("", name)
    return _VERSION_DOT.sub("-", name)


def family_first(name: str) -> str:
    """Return a plain name with its version behind the family, where the API has it."""
    return _REVERSED.sub(r"claude-\2-\1", name)
