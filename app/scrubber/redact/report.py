"""What the scrubber did to one body."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .receipts import Hit

Skip = Literal["too_large", "too_slow", "encoding", "not_json", "not_post", "thread", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrubReport:
    """Counts only, never a value. ``scanned`` is in bytes, ``duration`` in seconds.

    ``hits`` are noted only for receipts.
    """

    matches: Mapping[str, int] = field(default_factory=dict)
    skipped: Skip | None = None
    error: str | None = None  # the kind of defect, if `skipped` is "error"
    scanned: int = 0
    duration: float = 0.0
    modified: bool = False
    hits: tuple[Hit, ...] = ()
