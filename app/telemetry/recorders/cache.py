"""Why the prompt cache missed, what that cost, and what the cache saved."""

from ...cache.verdict import MISSES, REASONS
from ..entry import Entry
from ..instruments import Instruments

AGREEMENTS = ("agree", "disagree")
NEUTRALITIES = ("same", "different")
# What the API's own diagnosis and ours both know; it compares structure, so it knows no more.
COMPARED = frozenset(("model_changed", "tools_changed", "system_changed", "messages_changed"))


class CacheVerdicts:
    """Counts the cache recorder's reports. State: ``_debt``, what the cache has yet to earn."""

    def __init__(self, instruments: Instruments) -> None:
        counters = instruments.counters
        self._verdicts = counters(
            "cache_verdicts_total",
            "Answers, by what the prompt cache did and why",
            "reason",
            known=[(reason,) for reason in REASONS],
        )
        self._cost = counters(
            "cache_miss_cost_usd_total",
            "Cost of cache misses in US dollars at list price, by reason",
            "reason",
            known=[(reason,) for reason in REASONS if reason in MISSES],
        )
        self._saved = instruments.counter(
            "cache_saved_usd_total",
            "US dollars at list price that the prompt cache saved, less what its writes cost",
        )
        self._agreement = counters(
            "cache_verdict_agreement_total",
            "Cache misses that the API has diagnosed too, by whether the reason is the same",
            "result",
            known=[(result,) for result in AGREEMENTS],
        )
        self._neutral = counters(
            "scrub_cache_verdicts_total",
            "Answers by whether the cache verdict on the body as received is the same as on the "
            "scrubbed one",
            "result",
            known=[(result,) for result in NEUTRALITIES],
        )
        self._debt = 0.0

    def record(self, entry: Entry) -> None:
        """Count the report on an exchange, if there is one."""
        report = entry.exchange.cache
        if report is None:
            return
        reason = report.verdict.reason
        self._verdicts.count(reason)
        if entry.miss_cost:
            self._cost(reason).inc(max(0.0, entry.miss_cost))
        self._earn(entry.saved or 0.0)
        said = entry.exchange.cache_miss_reason
        if said in COMPARED and reason in COMPARED:
            self._agreement("agree" if said == reason else "disagree").inc()
        if report.scrubber_is_neutral is not None:
            self._neutral("same" if report.scrubber_is_neutral else "different").inc()

    def _earn(self, dollars: float) -> None:
        """Count what was saved. A counter cannot fall: what writes cost more is paid off first."""
        balance = dollars - self._debt
        self._debt = max(0.0, -balance)
        if balance > 0:
            self._saved.inc(balance)
