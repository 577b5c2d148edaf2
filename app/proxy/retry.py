"""When a request is sent again (behaviour C2, C3). Pure: times and chance come in as arguments.

Only what upstream says it has not done is repeated: a 529, which refuses the work, and a request
that it has not processed (RFC 9113 §8.7: REFUSED_STREAM, or GOAWAY below the stream). Everything
else, a 429 or a lost connection included, may have done or counted something, and clients have
retries of their own that ours would multiply. Every retry takes one out of the `RetryBudget`.
"""

from collections.abc import Iterable

import msgspec

from ..wire.headers import first

OVERLOADED = 529
UNPROCESSED_RETRIES = 3  # of a request that upstream has not processed


class RetryPolicy(msgspec.Struct, frozen=True):
    """At most ``max_attempts`` retries of a try; delays in seconds, doubled each time."""

    max_attempts: int = 3
    base_delay: float = 1.0
    after_cap: float = 30.0

    def delay(
        self, retries: int, status: int, headers: Iterable[tuple[bytes, bytes]]
    ) -> float | None:
        """Return how long to wait before the next try, or None to give up.

        ``retries`` is how many were made already. ``retry-after`` may lengthen the wait, up to
        ``after_cap``; ``x-should-retry: false`` forbids it.
        """
        fields = list(headers)
        if status != OVERLOADED or retries >= self.max_attempts:
            return None
        if first(fields, b"x-should-retry") == b"false":
            return None
        asked = _seconds(first(fields, b"retry-after"))
        return max(self.base_delay * float(2**retries), min(asked, self.after_cap))

    def delay_unprocessed(self, retries: int, *, with_error: bool, chance: float) -> float | None:
        """Return how long to wait before a request is sent again that was not processed.

        The first time at once, since another connection is all it takes; unless upstream closed
        the connection with an error (``with_error``). Later waits are doubled, and spread by
        ``chance``, from 0 to 1, so that those who were refused together do not come back together.
        """
        if retries >= UNPROCESSED_RETRIES:
            return None
        if not retries and not with_error:
            return 0.0
        return self.base_delay * float(2 ** max(0, retries - 1)) * (0.5 + chance / 2)


class RetryBudget:
    """A bucket that keeps a storm of 529s from multiplying the load on upstream.

    Every request puts ``ratio`` of a retry into it, every retry takes one out; ``rate`` per
    second are added, so that a single user never runs out. At most ``burst`` are kept.
    """

    def __init__(self, *, ratio: float = 0.2, rate: float = 3.0, burst: float = 30.0) -> None:
        self._ratio = ratio
        self._rate = rate
        self._burst = burst
        self._balance = burst
        self._filled_at: float | None = None

    def deposit(self) -> None:
        """Count a new request."""
        self._balance = min(self._burst, self._balance + self._ratio)

    def withdraw(self, now: float) -> bool:
        """Take one retry out at ``now`` (monotonic seconds); False when there is none."""
        elapsed = 0.0 if self._filled_at is None else max(0.0, now - self._filled_at)
        self._filled_at = now
        self._balance = min(self._burst, self._balance + elapsed * self._rate)
        if self._balance < 1:
            return False
        self._balance -= 1
        return True


def _seconds(value: bytes | None) -> float:
    """Read ``retry-after`` in delta-seconds (RFC 9110 §10.2.3); its date form counts as absent."""
    if value is None or not value.strip().isdigit():
        return 0.0
    return float(value)
