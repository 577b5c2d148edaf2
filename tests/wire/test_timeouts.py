"""Time-outs as a request carries them."""

from hypothesis import given
from hypothesis import strategies as st

from app.wire.timeouts import Timeouts

SECONDS = st.none() | st.floats(0, 1000)


@given(st.builds(Timeouts, SECONDS, SECONDS, SECONDS, SECONDS))
def test_a_request_carries_its_time_outs_to_the_transport(timeouts: Timeouts) -> None:
    assert Timeouts.of({"timeout": timeouts.extension(), "target": b"/"}) == timeouts


def test_what_a_request_does_not_name_has_no_time_out() -> None:
    assert Timeouts.of({"timeout": {"read": 5.0}}) == (None, 5.0, None, None)
    assert Timeouts.of({}) == Timeouts()
