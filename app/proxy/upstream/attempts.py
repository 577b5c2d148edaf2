"""The attempts of one exchange: how often its request was sent, and why again."""

from ...exchange import Retry, RetryReason


class Attempts:
    """Counts attempts. State: ``count``, and the ``_retries`` so far by their reason."""

    def __init__(self) -> None:
        self.count = 0
        self._retries: dict[RetryReason, Retry] = {}

    @property
    def retries(self) -> tuple[Retry, ...]:
        """The retries so far, at most one entry per reason."""
        return tuple(self._retries.values())

    def start(self) -> None:
        """Count an attempt."""
        self.count += 1

    def retry(self, reason: RetryReason) -> None:
        """Count a retry for ``reason``, which has not helped yet."""
        made = self._retries[reason].count if reason in self._retries else 0
        self._retries[reason] = Retry(reason, made + 1, recovered=False)

    def settle(self, reason: RetryReason, *, recovered: bool) -> None:
        """Note whether the last retry for ``reason`` brought another result."""
        self._retries[reason] = Retry(reason, self._retries[reason].count, recovered)
