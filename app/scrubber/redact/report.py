"""What the scrubber did to one body."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from .receipts import Hit

Skip = Literal["too_large", "too_slow", "encoding", "not_json", "not_post", "thread", "error"]


class ScrubReport(msgspec.Struct, frozen=True, kw_only=True):
    """Counts only, never a value. ``scanned`` is in bytes, ``duration`` in seconds.

    ``hits`` are noted only for receipts.
    """

    matches: Mapping[str, int] = msgspec.field(default_factory=dict)
    skipped: Skip | None = None
    error: str | None = None  # the kind of defect, if `skipped` is "error"
    scanned: int = 0
    duration: float = 0.0
    modified: bool = False
    hits: tuple[Hit, ...] = ()
