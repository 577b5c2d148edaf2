"""Upstream's rate limits, as stated by the latest response."""

from ...anthropic.limits import Limit, Window
from ..entry import Entry
from ..instruments import OTHER, Instruments

KINDS = ("requests", "tokens", "input-tokens", "output-tokens")
MORE_KINDS = 4  # priority and fast ones
WINDOWS = ("5h", "7d", "7d_opus", "7d_sonnet", "7d_oi", "overage")
MORE_WINDOWS = 4  # upstream may add windows
STATUSES = ("allowed", "allowed_warning", "rejected")
OVERALL = "unified"  # the window for the overall status


class LimitGauges:
    """Gauges by kind (API keys) and by window (subscriptions).

    ``window`` bounds the names of windows. State: ``stated_at``, when upstream last stated limits,
    and what the gauges of each window are ``_shown`` as.
    """

    def __init__(self, instruments: Instruments) -> None:
        gauges = instruments.gauges
        self.stated_at = 0.0
        self._shown: dict[str, tuple[Window, str | None]] = {}
        self._kind = instruments.label_set("limit_kind", KINDS, room=MORE_KINDS)
        self.window = instruments.label_set("limit_window", (*WINDOWS, OVERALL), room=MORE_WINDOWS)
        self._status_word = instruments.label_set("limit_status", STATUSES)
        self._limit = gauges("upstream_ratelimit_limit", "Upstream's rate limit, by kind", "kind")
        self._remaining = gauges(
            "upstream_ratelimit_remaining",
            "What upstream's rate limit still allows, by kind",
            "kind",
        )
        self._utilization = gauges(
            "upstream_ratelimit_utilization_ratio",
            "Used fraction of a usage window (5h, 7d)",
            "window",
        )
        self._reset = gauges(
            "upstream_ratelimit_reset_timestamp_seconds",
            "Time at which a usage window resets",
            "window",
        )
        self._status = gauges(
            "upstream_ratelimit_status",
            "1 for the current status of a usage window, 0 for the others",
            "window",
            "status",
        )

    def record(self, entry: Entry) -> None:
        """Set the gauges from the response's headers."""
        if not entry.exchange.headers:
            return
        limits = entry.limits
        self.stated_at = entry.exchange.started_at + entry.exchange.duration
        for name, kind in limits.kinds.items():
            self._set_kind(self._kind(name), kind)
        for name, window in limits.windows.items():
            self._set_window(self.window(name), window)
        if limits.overage is not None:
            self._set_window("overage", limits.overage)
        self._set_window(OVERALL, Window(status=limits.status, reset=limits.reset))

    def _set_kind(self, name: str, kind: Limit) -> None:
        if kind.limit is not None:
            self._limit(name).set(kind.limit)
        if kind.remaining is not None:
            self._remaining(name).set(kind.remaining)

    def _set_window(self, name: str, window: Window) -> None:
        status = None if window.status is None else self._status_word(window.status)
        if self._shown.get(name) == (window, status):
            return
        self._shown[name] = window, status
        if window.utilization is not None:
            self._utilization(name).set(window.utilization)
        if window.reset is not None:
            self._reset(name).set(window.reset)
        if status is not None:
            for word in (*STATUSES, OTHER):
                self._status(name, word).set(word == status)
