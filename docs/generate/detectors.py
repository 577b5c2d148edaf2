"""The built-in detectors."""

from app.scrubber.detect.detectors import BUILT_IN
from docs.generate.markdown import code
from docs.generate.markdown import table as rows_of

SHOWN = 16  # characters of an example: scanners of repositories take whole ones for real


def table() -> str:
    """Return the table of built-in detectors, in the order in which they win."""
    rows = []
    for detector in BUILT_IN:
        example = detector.examples[0].partition("\n")[0]
        shown = example if len(example) <= SHOWN else f"{example[:SHOWN]}…"
        rows.append((code(detector.name), detector.tier, code(shown)))
    return rows_of(("Detector", "Tier", "Finds, for example"), rows)
