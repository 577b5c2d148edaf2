"""How fast it is, from the results that the repository keeps."""

import textwrap

from benchmarks import curves as scaling
from benchmarks import report
from benchmarks.results import KEPT, Results
from docs.generate.markdown import table as rows_of

WIDTH = 100  # of a line of text


def table() -> str:
    """Return the whole comparison, and what it was measured on."""
    results = Results.load(KEPT)
    header, *rows = report.rows(results)
    return f"{rows_of(header, rows)}\n\n{report.measured_on(results)}"


def curves() -> str:
    """Return the scaling curves."""
    rows = [
        (
            f"{curve.name}: {curve.y}",
            f"{curve.shown}",
            f"{curve.slope:+.3g} for {curve.per:g} {curve.x}",
            "yes" if curve.flat else "no",
        )
        for curve in scaling.load(scaling.KEPT)
    ]
    return rows_of(("", "measured", "slope", "flat"), rows)


def spent() -> str:
    """Return an item of a list: what the proxy costs those who use it."""
    text = f"- **It does not get in the way.** {report.spent(Results.load(KEPT))}"
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def short() -> str:
    """Return the figures beside those of the naive proxy."""
    results = Results.load(KEPT)
    header, *rows = report.short(results)
    return rows_of(header, rows)
