"""Output tokens while they stream: a total whose rate is the true pace at every moment.

The usage of an answer comes with its end, so `tokens_total` stands still while a stream runs and
then jumps. This total counts the content as it passes, about 4 characters a token, and corrects
itself by the final usage. A correction is not a burst of tokens: it is spread over the time that
follows, so the rate stays right and the sum comes right. The total never falls.
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
    """Counts at each collection; ``running`` are the exchanges that run now.

    State: ``_ended`` tokens of ended exchanges as they were estimated, ``_counted`` of what was
    estimated, ``_owed`` corrections (negative: too much was counted), ``_total``, ``_at`` the
    last collection.
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
        self._total = 0.0
        self._at = clock()

    def end(self, progress: Progress, output: int | None) -> None:
        """Take an exchange as ended with ``output`` tokens, None when nobody knows."""
        estimate = estimated(progress)
        if estimate or progress.streaming:
            self._ended += estimate
            self._owed += 0.0 if output is None else output - estimate
        else:
            self._ended += output or 0

    def collect(self) -> Iterator[Metric]:
        """Yield the total, brought up to date."""
        self._advance(self._clock())
        yield CounterMetricFamily(
            PREFIX + "output_tokens_live",
            "Output tokens as they stream, estimated and later corrected: for rates",
            value=self._total,
            created=self._created,
        )

    def _advance(self, now: float) -> None:
        estimate = self._ended + sum(map(estimated, self._running()))
        streamed = estimate - self._counted
        due = self._owed * -math.expm1((self._at - now) / SPREAD)
        increment = max(0.0, streamed + due)
        self._owed -= increment - streamed
        self._counted, self._at = estimate, now
        self._total += increment


def estimated(progress: Progress) -> float:
    """Return the tokens of the content so far."""
    return progress.characters / CHARACTERS
