"""Placeholders that a text holds itself: each is found, however often and beside what it stands."""

import pytest

from app.scrubber.json.spans import Span
from app.scrubber.placeholders import Scheme, Style
from app.scrubber.redact.literals import Literals

LABELS = ["EMAIL", "GITHUB_TOKEN"]


def found(text: str, style: Style = "angle") -> list[str]:
    literals = Literals(Scheme(style, b"k"), LABELS)
    whole = f'"{text}"'.encode()
    return [one.placeholder for _, one in literals.find(whole, [Span(0, len(whole))])]


def test_one_that_is_repeated_is_found_each_time() -> None:
    assert found("<EMAIL_1> " * 3) == ["<EMAIL_1>"] * 3
    assert found("<EMAIL_1><EMAIL_1>&lt;EMAIL_1&gt;") == ["<EMAIL_1>"] * 3


@pytest.mark.parametrize("after", ["<EMAIL_12>", "<GITHUB_TOKEN_1>"])
def test_one_that_begins_like_the_last_is_another(after: str) -> None:
    assert found(f"<EMAIL_1><EMAIL_1>{after}<EMAIL_1>") == [
        *["<EMAIL_1>"] * 2,
        after,
        "<EMAIL_1>",
    ]


@pytest.mark.parametrize(
    "other", [">EMAIL_1>", "&gt;EMAIL_1>", "xEMAIL_1>", "<EMAIL_1x", "<EMAIL_"]
)
def test_what_is_no_placeholder_is_none_behind_one_either(other: str) -> None:
    assert found(f"<EMAIL_1> {other} &lt;EMAIL_1> {other} <EMAIL_1>") == ["<EMAIL_1>"] * 3


def test_tokens_need_no_bracket() -> None:
    assert found("EMAIL-0001 EMAIL-0001 GITHUB-TOKEN-0002", "token") == [
        *["EMAIL-0001"] * 2,
        "GITHUB-TOKEN-0002",
    ]
