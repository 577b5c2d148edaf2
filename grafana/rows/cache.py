"""The prompt cache: why it missed, and what that cost."""

from grafana.dashboard import Row
from grafana.panels import Bars, Lines
from grafana.queries import rate, ratio, total

_VERDICTS = "anthropic_proxy_cache_verdicts_total"
_MISSES = '{@, reason!~"hit|first|uncached|too_small|unknown"}'
_COST = "anthropic_proxy_cache_miss_cost_usd_total"

CACHE = Row(
    "Prompt cache",
    (
        Lines(
            title="Cache misses per hour, in dollars",
            about="Cost of the tokens that could have been read from the prompt cache and were "
            "not, by reason. Estimate at list price.",
            queries=(rate(_COST, by="reason", per_hour=True, counted=True),),
            unit="currencyUSD",
            empty="No misses",
            stacked=True,
        ),
        Lines(
            title="Cache verdicts",
            about="Answers by what the prompt cache did and why.",
            queries=(rate(_VERDICTS, by="reason", counted=True),),
            unit="ops",
            stacked=True,
        ),
        Lines(
            title="Saved per hour by the cache",
            about="What prompts would have cost without the cache, minus their cost. Writes that "
            "were not read yet are paid off first.",
            queries=(rate("anthropic_proxy_cache_saved_usd_total", legend="saved", per_hour=True),),
            unit="currencyUSD",
        ),
        Bars(
            title="Cost of misses by reason",
            about="Sum over the time range, at list price. docs/cache.md says what to do about "
            "each reason.",
            queries=(total("cache_miss_cost_usd_total", by="reason"),),
            unit="currencyUSD",
            empty="No misses",
        ),
        Lines(
            title="Share of answers that missed",
            about="Share of the answers that read clearly less than there was to read.",
            queries=(
                ratio(
                    rate(_VERDICTS, _MISSES).expr,
                    rate(_VERDICTS).expr,
                    "missed",
                ),
            ),
            unit="percentunit",
            limits=(0, 1),
        ),
        Lines(
            title="Cache verdicts compared",
            about="agree, disagree: with the API's own diagnosis. same, different: whether the "
            "scrubbed body has the verdict of the received one; different must stay 0.",
            queries=(
                rate("anthropic_proxy_cache_verdict_agreement_total", by="result"),
                rate("anthropic_proxy_scrub_cache_verdicts_total", by="result"),
            ),
            unit="ops",
        ),
    ),
)
