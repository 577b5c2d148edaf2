"""How placeholders are written."""

import hmac

from hypothesis import given
from hypothesis import strategies as st

from app.scrubber.placeholders import Scheme


@given(st.binary(max_size=130), st.text(max_size=200))
def test_an_identifier_carries_the_hmac_of_its_value(key: bytes, value: str) -> None:
    expected = hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256").hex()
    assert Scheme("angle", key).digest(value) == expected
    assert (
        Scheme("angle", key).identifier("EMAIL", value, 8) == f"<EMAIL_HMAC:{expected[:8].upper()}>"
    )
