"""Labels of requests: small words that clients choose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ledger import labels
from app.ledger.labels import MAX_LABELS, NAME, VALUE, fitting, read_labels, write_labels


@pytest.mark.parametrize(
    ("lines", "read"),
    [
        ([b"team=a,repo=acme/widgets"], {"team": "a", "repo": "acme/widgets"}),
        ([b" Team = a ", b"repo=b"], {"team": "a", "repo": "b"}),
        ([b"team=a,team=b"], {"team": "a"}),
        ([b"team=a=b"], {}),
        ([b"team", b"=a", b"team=", b",,", b""], {}),
        ([b"team=a b,repo=c"], {"repo": "c"}),
        ([b"team=\xc3\xa4,1st=a,a-b=c,repo=-x"], {}),
        ([b"team=a\r\nx-evil: 1"], {}),
        ([b"branch=feature/1.2_x@y+z"], {"branch": "feature/1.2_x@y+z"}),
        ([b"team=" + b"x" * 100], {"team": "x" * 100}),
        ([b"team=" + b"x" * 101], {}),
        ([b"team=a," + b"x" * labels.LIMIT], {}),
        ([], {}),
    ],
)
def test_a_label_that_does_not_fit_is_left_out(lines: list[bytes], read: dict[str, str]) -> None:
    assert read_labels(lines) == read


def test_no_more_labels_than_that_are_kept() -> None:
    many = ",".join(f"name{number}=x" for number in range(MAX_LABELS + 5))
    assert list(read_labels([many.encode()])) == [f"name{number}" for number in range(MAX_LABELS)]


@given(st.lists(st.binary(max_size=300) | st.text("=,ab1/ ", max_size=40).map(str.encode)))
def test_whatever_comes_is_read_as_words(lines: list[bytes]) -> None:
    found = read_labels(lines)
    assert len(found) <= MAX_LABELS
    assert all(NAME.fullmatch(name) and VALUE.fullmatch(value) for name, value in found.items())
    assert read_labels([write_labels(found).encode()]) == found


@given(st.text())
def test_any_text_can_be_made_to_fit(text: str) -> None:
    value = fitting(text)
    assert value is None or VALUE.fullmatch(value)
