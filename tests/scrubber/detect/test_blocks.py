"""Lines of a block: worked off one by one, since a step that is long holds up all others."""

from typing import Any

import pytest

from app.scrubber.detect import blocks
from tests.cases import every_case

LINES = 500


@pytest.mark.parametrize(("gutter", "looks"), [(b"", 1), (b"12:", LINES)])
def test_a_gutter_is_looked_for_line_by_line_until_one_has_none(
    gutter: bytes, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    class Watched:
        def match(self, text: bytes, at: int) -> Any:
            looked.append(at)
            return numbered.match(text, at)

        def sub(self, shown: bytes, text: bytes) -> bytes:
            return numbered.sub(shown, text)

    numbered = blocks._NUMBERED
    monkeypatch.setattr(blocks, "_NUMBERED", Watched())
    block = (rb"\n" + gutter + b"0a" * 32) * LINES
    assert blocks.without_gutter(block) == (rb"\n" + b"0a" * 32) * LINES
    assert len(looked) == looks


BEGIN = b"-----BEGIN " + b"PRIVATE KEY-----"
LINE = b"MIIEfake0FAKE1fake2FAKE3fake4"


@every_case(
    "line, kept",
    {
        "a comment behind the line": (LINE + b" # then thirteenletters and", 0),
        "two runs, of which the last is closed": (LINE + b" : " + LINE + b"',", len(LINE) * 2 + 3),
        "a long run, whatever follows": (LINE * 2 + b" : and", len(LINE) * 2),
        "two runs, of which the first is long": (
            LINE * 2 + b" : " + LINE + b" : and",
            len(LINE) * 2,
        ),
    },
)
def test_a_line_of_a_key_is_long_or_the_last_of_its_line(line: bytes, kept: int) -> None:
    text = b'"' + BEGIN + rb"\n" + line + b'"'
    match = blocks.PRIVATE_KEY.match(text, 1, len(text) - 1)
    assert match is not None
    assert match.end() == 1 + len(BEGIN) + (kept and 2 + kept)


@every_case(
    "text, found",
    [
        (b"$ANSIBLE_VAULT;1.1;AES256", True),
        (b"$ANSIBLE_VAULT;1.2;AES256;prod", True),
        (b"$ANSIBLE_VAULT;AES256", False),
        (b"$ANSIBLE_VAULT files", False),
    ],
)
def test_a_vault_says_its_version_and_cipher(text: bytes, found: bool) -> None:
    match = blocks.ANSIBLE_VAULT.match(text, 0, len(text))
    assert (match is not None) == found
    assert match is None or match.end() == len(text)
