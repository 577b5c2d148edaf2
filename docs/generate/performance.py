"""How fast it is, from the results that the repository keeps."""

from benchmarks import curves as scaling
from benchmarks import report
from benchmarks.results import KEPT, Results
from docs.generate.markdown import table as rows_of


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


def short() -> str:
    """Return the figures beside those of the naive proxy."""
    results = Results.load(KEPT)
    header, *rows = report.short(results)
    return rows_of(header, rows)
