"""When a worker that has ended is started again."""

from hypothesis import given
from hypothesis import strategies as st

from app.workers.backoff import LASTING, LONGEST, Backoff


def test_the_first_restart_is_immediate_and_the_next_ones_wait_twice_as_long_each() -> None:
    backoff = Backoff()
    assert [backoff.delay(1.0) for _ in range(9)] == [0, 0.5, 1, 2, 4, 8, 16, 30, 30]
    assert backoff.delay(LASTING) == 0


@given(st.lists(st.floats(0, 2 * LASTING), max_size=100))
def test_a_restart_never_waits_longer_than_the_longest_delay(lives: list[float]) -> None:
    backoff = Backoff()
    assert all(0 <= backoff.delay(lived) <= LONGEST for lived in lives)
