"""Where a JSON string ends, and where the tokenizer finds it."""

import json

from app.scrubber.json.tokenizer import string_end
from tests.cases import every_case


@every_case("quotes", [0, 1, 2, 1000])
@every_case("behind", ["", "\\", "\\\\"])
def test_a_string_ends_at_the_quote_that_is_not_escaped(quotes: int, behind: str) -> None:
    text = json.dumps('said "' * quotes + behind).encode()
    assert string_end(b"[" + text + b', "more"]', 1) == 1 + len(text)


@every_case("quotes", [0, 1, 2, 1000])
def test_a_string_without_an_end_has_none(quotes: int) -> None:
    text = json.dumps('said "' * quotes).encode()[:-1]
    assert string_end(text, 0) == -1
