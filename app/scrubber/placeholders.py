"""What stands in for a value, and what stands behind it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hidden:
    """A value kept on this machine, and the detector that found it."""

    detector: str
    value: str


Placeholders = Mapping[str, Hidden]
