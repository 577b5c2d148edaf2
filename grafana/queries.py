"""PromQL for the panels.

Expressions have one abbreviation: ``{@`` opens a selector on the dashboard's ``$job`` and
``$instance``, ``{@model`` one that also has its ``$model``.
"""

import re
from dataclasses import dataclass

from app.anthropic.token_types import OUTPUTS

INSTANCE = 'job=~"$job", instance=~"$instance"'
# Targets that are proxies: other targets have `up` and `process_*` as well.
OURS = "group by (job, instance) (anthropic_proxy_build_info{@})"

# Matchers of `anthropic_proxy_tokens_total`.
INPUT_TYPES = f'type!~"{"|".join(OUTPUTS)}"'
OUTPUT_TYPES = f'type=~"{"|".join(OUTPUTS)}"'
CACHED_TYPE = 'type="cache_read"'

_METRIC = re.compile(
    r"\b(?:ALERTS|anthropic_proxy|process|job_slo:|job_window:|job_class:|job:)[a-z0-9_:]*\b"
)
_PART = re.compile(r"_(?:bucket|count|sum)$")


@dataclass(frozen=True, slots=True)
class Query:
    """One expression. ``legend`` is Grafana's format; ``column`` names it in a table."""

    expr: str
    legend: str = ""
    column: str = ""

    @property
    def full(self) -> str:
        """The PromQL, abbreviations written out."""
        return self.expr.replace("{@model", f'{{{INSTANCE}, model=~"$model"').replace(
            "{@", f"{{{INSTANCE}"
        )

    @property
    def metrics(self) -> set[str]:
        """The names of the metrics read, histograms by their family's."""
        return {_PART.sub("", name) for name in _METRIC.findall(self.expr)}


def rate(
    metric: str,
    selector: str = "{@}",
    *,
    by: str = "",
    legend: str = "",
    per_hour: bool = False,
    counted: bool = False,
) -> Query:
    """Return the counter's rate, summed over replicas and split by the labels ``by``.

    Every series that can occur begins at 0. ``counted`` leaves out those that are still 0, which
    would fill the legend, for example with one line for each model.
    """
    parts = f" by ({by}) " if by else ""
    expr = f"sum{parts}(rate({metric}{selector}[$__rate_interval]))"
    expr += " * 3600" if per_hour else ""
    expr += f" and (sum{parts}({metric}{selector}) > 0)" if counted else ""
    named = " ".join(f"{{{{{label}}}}}" for label in by.split(", ")) if by else ""
    return Query(expr, legend or named)


def total(metric: str, selector: str = "{@}", *, by: str = "", column: str = "") -> Query:
    """Return the exact increase of a counter in the time range, split by the labels ``by``.

    ``metric`` has no prefix. `increase()` extrapolates, so its cents are wrong. The totals of one
    run of the process never fall: the last value minus the value at the start of the range is
    exact, and a restart begins a new series.
    """
    parts = f" by ({by}) " if by else ""
    series = f"anthropic_proxy_run_{metric}{selector}"
    last = f"last_over_time({series}[$__range])"
    before = f"last_over_time({series}[1h] offset $__range)"
    named = " ".join(f"{{{{{label}}}}}" for label in by.split(", ")) if by and not column else ""
    return Query(f"sum{parts}({last} - ({before} or {last} * 0))", named, column)


def ours(metric: str) -> str:
    """Restrict a metric that other targets also have to the proxies."""
    return f"{metric}{{@}} * on (job, instance) group_left () {OURS}"


def ratio(part: str, whole: str, legend: str = "") -> Query:
    """Return a ratio; it has no sample while ``whole`` is 0, so nothing is divided by zero."""
    return Query(f"{part} / ({whole} > 0)", legend)


def quantile(percent: int, metric: str, selector: str = "{@}", legend: str = "") -> Query:
    """Return one percentile of the histogram."""
    buckets = f"sum by (le) (rate({metric}_bucket{selector}[$__rate_interval]))"
    return Query(f"histogram_quantile({percent / 100}, {buckets})", legend or f"p{percent}")


def quantiles(
    metric: str, selector: str = "{@}", *, by: str = "", word: str = ""
) -> tuple[Query, ...]:
    """Return p50, p95 and p99 of the histogram, split by the label ``by`` if given.

    ``word`` stands before the label's value in the legend.
    """
    labels, suffix = (f"le, {by}", f" {word}{{{{{by}}}}}") if by else ("le", "")
    buckets = f"sum by ({labels}) (rate({metric}_bucket{selector}[$__rate_interval]))"
    return tuple(
        Query(f"histogram_quantile({percent / 100}, {buckets})", f"p{percent}{suffix}")
        for percent in (50, 95, 99)
    )
