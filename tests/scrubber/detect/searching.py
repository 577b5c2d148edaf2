"""The findings of the prefilter and of the sources in one value."""

from collections.abc import Sequence

from app.scrubber.detect.dense import Effort
from app.scrubber.detect.prefilter import Prefilter, Scope
from app.scrubber.detect.sources import Cursor, Sources
from app.scrubber.json.spans import Span


def prefiltered(used: Prefilter, value: bytes) -> Scope | None:
    """Return what of a value is searched; None for all of it."""
    found = used.findings(value, [Span(0, len(value))], lambda: None)
    silent = Scope((), may_hold_rare=False, may_hold_more=False)
    return silent if 0 in found.quiet else found.scopes.get(0)


def candidates(
    sources: Sources, text: bytes, windows: Sequence[Span]
) -> tuple[list[tuple[int, list[str]]], int]:
    """Return where which detectors may match, and how many steps it took to find that."""
    effort = Effort.unlimited()
    found = [
        (start, [one.name for one in detectors])
        for source in sources.of(Cursor(text, effort), windows)
        for _, (start, detectors) in source.before(len(text))
        if detectors
    ]
    return sorted(found), effort.taken
