"""Output tokens while they stream: a total whose rate is correct at every moment.

A response states its usage at its end, so `tokens_total` does not change while a stream runs and
then jumps. This total counts the content as it passes, about 4 characters a token. The final usage
corrects it: the correction is spread over the following seconds, so that it does not look like a
burst. The total never falls.
"""

import math
from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from ...anthropic.spoken import CHARACTERS
from ...exchange import Progress
from ..instruments import PREFIX

SPREAD = 30.0  # seconds in which two thirds of a correction are made


class LiveOutput(Collector):
    """Counts at each collection; ``running`` returns the running exchanges.

    State: ``_ended``, the estimated tokens of ended exchanges; ``_counted``, the estimates counted
    so far; ``_owed``, corrections that are still to make (negative: too much was counted);
    ``total``; ``_at``, the time of the last collection.
    """

    def __init__(
        self,
        running: Callable[[], Iterator[Progress]],
        *,
        clock: Callable[[], float],
        created: float,
    ) -> None:
        self._running = running
        self._clock = clock
        self._created = created
        self._ended = 0.0
        self._counted = 0.0
        self._owed = 0.0
        self.total = 0.0
        self._at = clock()

    def end(self, progress: Progress, output: int | None) -> None:
        """Add an exchange that ended with ``output`` tokens, None if unknown."""
        estimate = estimated(progress)
        if estimate or progress.streaming:
            self._ended += estimate
            self._owed += 0.0 if output is None else output - estimate
        else:
            self._ended += output or 0

    def describe(self) -> Iterator[Metric]:
        """Yield the name, by which the registry finds this collector."""
        yield self._family(0.0)

    def collect(self) -> Iterator[Metric]:
        """Yield the updated total."""
        self.advance()
        yield self._family(self.total)

    def advance(self) -> bool:
        """Bring the total up to date; return True if it changed."""
        now, estimate = self._clock(), self._ended + sum(map(estimated, self._running()))
        streamed = estimate - self._counted
        increment = max(0.0, streamed + self._due(now))
        self._owed -= increment - streamed
        self._counted, self._at = estimate, now
        self.total += increment
        return increment > 0

    def _due(self, now: float) -> float:
        """Return the part of the correction to make now: all of it, once it is below a token."""
        if 0 < self._owed < 1:
            return self._owed
        return self._owed * -math.expm1((self._at - now) / SPREAD)

    def _family(self, total: float) -> Metric:
        return CounterMetricFamily(
            PREFIX + "output_tokens_live",
            "Output tokens as they stream: estimated, corrected by the final usage; use its rate",
            value=total,
            created=self._created,
        )


def estimated(progress: Progress) -> float:
    """Return the estimated tokens of the content so far."""
    return progress.characters / CHARACTERS
