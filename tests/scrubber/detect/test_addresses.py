"""Where the local part of an address starts, given its sign."""

from app.scrubber.detect.addresses import local_start
from app.scrubber.detect.urls import credentials_start
from tests.cases import every_case


@every_case(
    "text, start",
    [
        (b"jane@x.example", 0),
        (b"to jane.doe@x.example", 3),
        (b"jane%40x.example", 0),
        (rb"\njane@x.example", 2),
        (rb"\u003cjane@x.example", 6),
        (rb"\\u003cjane@x.example", 7),
        (b"f'jane@x.example", 2),
        (b"o'brien@x.example", 0),
        (b"..jane@x.example", 2),
        (rb"\u001b[\u00e9jane@x.example", 13),  # a control sequence that ends inside an escape
    ],
)
def test_the_local_part_starts_behind_what_escapes_and_quotes_it(text: bytes, start: int) -> None:
    assert local_start(text, text.index(b"%" if b"%" in text else b"@")) == start


@every_case(
    "text", [b"@x.example", b"jane@", b"jane%40", b"jane%4", b"jane@ x", b"a \x00@x", b"-@x"]
)
def test_a_sign_without_a_part_on_each_side_is_no_address(text: bytes) -> None:
    assert local_start(text, text.index(b"%" if b"%" in text else b"@")) == -1


@every_case(
    "text, found",
    [(b"x://u:p@h", True), (b" ://u:p@h", False), (b"://u:p@h", False), (b"x://u", False)],
)
def test_the_credentials_of_a_url_need_a_scheme_and_a_host(text: bytes, found: bool) -> None:
    colon = text.index(b":")
    assert credentials_start(text, colon) == (colon if found else -1)
