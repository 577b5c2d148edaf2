"""The model's own words: text around a placeholder comes back as the model wrote it.

The model writes ``<DB_CONNECTION_STRING_1>?sslmode=require``, the client gets the URL with the
option, and sends it back: a longer secret, as the detectors see it. The known value in it keeps its
placeholder and the rest stays text, if the rest cannot be a part of a secret.
"""

import re

from .authors import Author

# What a password or a user would stand in.
_CREDENTIAL = re.compile(rb"@|(?i:passw|pwd|secret|token|key|auth|credential)|:[^/0-9]")
# Words of one case or capitalised, and numbers of a few digits.
_PLAIN_RUN = re.compile(
    rb"[a-z]{1,24}|[A-Z]{1,24}|[A-Z][a-z]{1,23}|[0-9]{1,5}|[a-z]{1,12}[0-9]{1,2}"
)
_SHORT_RUN = 4  # letters and digits of a model's own that tell nothing of a secret
_RUN = re.compile(rb"[A-Za-z0-9]+")
_JOINT = re.compile(rb"[A-Za-z0-9]")


def may_stand(rest: list[bytes], detectors: set[str], wrote: Author) -> bool:
    """Return True if what is left of a detected text without known values is no secret.

    ``rest`` is what stands before, between and behind them. A longer token that merely begins like
    a known one is another secret, of which nothing may be left. So what is joined to a known value
    without a separator has to be the model's own.
    """
    if "db_connection_string" in detectors and any(map(_CREDENTIAL.search, rest)):
        return wrote == "model" and not any(_is_random(piece) for piece in rest)
    if wrote == "other" and _is_joined(rest):
        return False
    return not any(_is_random(piece) for piece in rest)


def _is_joined(rest: list[bytes]) -> bool:
    """Return True if a letter or digit is joined to a known value."""
    ends = [piece[-1:] for piece in rest[:-1]] + [piece[:1] for piece in rest[1:]]
    return any(_JOINT.match(end) for end in ends)


def _is_random(piece: bytes) -> bool:
    return any(
        len(run) > _SHORT_RUN and _PLAIN_RUN.fullmatch(run) is None for run in _RUN.findall(piece)
    )
