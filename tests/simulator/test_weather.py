"""The demo's day: an incident to watch, and hardly an error."""

import pytest

from app.settings import default
from simulator import weather

DAY = 3 * weather.PERIOD
BUSIER = 1.8  # times as many messages during the incident: clients retry, a reviewer starts


def _failed(rate: float) -> list[tuple[float, int, int]]:
    """Return (seconds, messages, failures) after each message, at so many messages a second."""
    elapsed, number, failures, after = 0.0, 0, 0, []
    while elapsed < DAY:
        number += 1
        odd = weather.trouble(number, elapsed)
        recovers = odd.get("status") == 529 and odd["times"] <= default("retry_max_attempts")
        failures += not recovers and ("fault" in odd or odd.get("status", 200) >= 400)
        after.append((elapsed, number, failures))
        elapsed += 1 / (rate * (BUSIER if weather.overloaded(elapsed) else 1))
    return after


@pytest.mark.parametrize("rate", [0.7, 0.9, 1.1, 1.5, 2.5])
def test_never_have_two_percent_of_the_requests_failed(rate: float) -> None:
    assert max(failures / number for _, number, failures in _failed(rate)) < 0.02


@pytest.mark.parametrize("rate", [0.7, 0.9, 1.1, 1.5, 2.5])
def test_the_incident_shows_a_failure(rate: float) -> None:
    within = {failed for at, _, failed in _failed(rate) if weather.overloaded(at)}
    assert len(within) > 1
