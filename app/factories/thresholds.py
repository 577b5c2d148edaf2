"""Makes what the dashboard's alerts depend on."""

from ..settings import Settings
from ..telemetry.sampling.alerts import Thresholds, Unscanned


def thresholds_of(settings: Settings) -> Thresholds:
    """Return what the dashboard's alerts depend on."""
    fate: Unscanned = "blocked" if settings.scrub_blocks else "passed"
    return Thresholds(
        error_rate=settings.alert_error_rate,
        active=settings.alert_active,
        scrub_limit=settings.scrub_max_body_size,
        budgets_enforced=settings.budget_enforce,
        unscanned="counted" if settings.scrub_mode == "detect" else fate,
    )
