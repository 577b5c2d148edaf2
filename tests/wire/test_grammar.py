"""Each rule of the grammar, character by character, and all at once as one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wire import grammar
from tests.cases import every_case

ANY = [bytes([number]) for number in range(256)]
TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
UPPER = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
TEXTS = st.lists(st.binary(max_size=4), max_size=4)


@every_case("character", ANY)
def test_each_character_is_judged_as_the_standards_say(character: bytes) -> None:
    code = character[0]
    text = b"a" + character + b"b"
    assert grammar.is_token(text) == (character in TOKEN)
    assert grammar.are_lower_tokens([text]) == (character in TOKEN and character not in UPPER)
    assert grammar.holds_line_end([text]) == (character in b"\0\r\n\v\f")
    assert grammar.holds_control([text]) == (code == 127 or (code < 32 and character != b"\t"))
    assert grammar.is_target(text) == (code > 32 and code != 127)
    assert grammar.has_blank_around(character + b"a") == (character in b" \t")
    assert grammar.has_blank_around(b"a" + character) == (character in b" \t")


@given(TEXTS)
def test_many_texts_are_judged_as_each_of_them(texts: list[bytes]) -> None:
    assert grammar.holds_line_end(texts) == any(grammar.holds_line_end([one]) for one in texts)
    assert grammar.holds_control(texts) == any(grammar.holds_control([one]) for one in texts)
    assert grammar.are_lower_tokens(texts) == all(
        grammar.is_token(one) and one == one.lower() for one in texts
    )


@pytest.mark.parametrize("empty", [grammar.is_token, grammar.is_target, grammar.is_host])
def test_nothing_is_neither_token_nor_target_nor_host(empty: object) -> None:
    assert callable(empty)
    assert not empty(b"")


@pytest.mark.parametrize(
    ("host", "fine"),
    [
        (b"localhost", True),
        (b"localhost:8443", True),
        (b"localhost:", True),
        (b"[::1]:8443", True),
        (b"api.example.com", True),
        (b"user@host", False),
        (b"a b", False),
        (b"a/b", False),
        (b"a:b", False),
        (b"[::1", False),
        (b"a\n", False),
    ],
)
def test_a_host_is_a_name_or_address_with_a_port_at_most(host: bytes, *, fine: bool) -> None:
    assert grammar.is_host(host) is fine


@pytest.mark.parametrize(
    ("status", "fine"), [(b"200", True), (b"99", False), (b"2000", False), (b"20\n", False)]
)
def test_a_status_has_three_digits(status: bytes, *, fine: bool) -> None:
    assert grammar.is_status(status) is fine


@pytest.mark.parametrize(
    ("length", "fine"),
    [(b"0", True), (b"9" * 19, True), (b"9" * 20, False), (b"", False), (b"+1", False)],
)
def test_a_length_is_a_number_that_fits(length: bytes, *, fine: bool) -> None:
    assert grammar.is_length(length) is fine


@pytest.mark.parametrize(
    ("text", "length"),
    [
        (b"0", 0),
        (b"0042", 42),
        (b"9" * 5000, 10**20 - 1),
        (b"", None),
        (None, None),
        (b"+1", None),
        (b"1, 1", None),
        (b"\xb2", None),
    ],
)
def test_an_announced_length_is_read_whatever_it_says(
    text: bytes | None, length: int | None
) -> None:
    assert grammar.announced_length(text) == length
