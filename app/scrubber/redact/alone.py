"""A hit that stands alone in its unit: nearly all do, and nothing else has to be looked at then.

No other hit is in the unit, no known value and no placeholder, and its own value stands nowhere
else in it, however it is spelled. So nothing overlaps it, and no block has to be searched for it.
"""

import re

from ..detect.hits import Hit

_PLAIN = re.compile(rb"[ !#-\[\]-~]+")  # spelled in one way only


def is_alone(text: bytes, hit: Hit) -> bool:
    """Return True if a unit's only hit is all that there is of its value."""
    detector, found = hit.detector, hit.escaped
    return (
        hit.password is None
        and detector.parts is None
        and detector.canonical is bytes
        and _PLAIN.fullmatch(found) is not None
        and text.find(found, hit.start + 1) < 0
        and text.find(found, 0, hit.end - 1) < 0
    )
