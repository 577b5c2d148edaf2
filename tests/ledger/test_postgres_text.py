"""Text that a PostgreSQL takes, without one: pure."""

import pytest

from app.ledger.batch import Batch
from app.ledger.postgres.text import LONGEST_NAME, LONGEST_TEXT, clean, fitting
from tests.ledger.ledgers import attempt, record, records_of


@pytest.mark.parametrize(
    ("text", "utf8", "ascii_only"),
    [
        ("plain", "plain", "plain"),
        ("a\0b", "a\ufffdb", r"a\ufffdb"),
        ("\ud800", "?", r"\ud800"),
        ("café", "café", r"caf\xe9"),
        ("x" * 40, "x" * 10, "x" * 10),
        ("é" * 40, "é" * 5, r"\xe9\xe9\x"),
        ("x" + "é" * 40, "x" + "é" * 4, "x\\xe9\\xe9\\"),
    ],
)
def test_text_is_cut_to_whole_characters_that_the_database_has(
    text: str, utf8: str, ascii_only: str
) -> None:
    assert clean(text, 10, ascii_only=False) == utf8
    assert clean(text, 10, ascii_only=True) == ascii_only


def test_a_name_is_cut_to_what_an_index_takes_and_other_text_later() -> None:
    long = "n" * (LONGEST_TEXT + 1)
    sent = record(attempt(long), model=long, context=long, status=529)
    [fitted] = records_of(fitting(Batch.of([sent]), ascii_only=False))
    assert fitted.row == sent.row._replace(model=long[:LONGEST_NAME], context=long[:LONGEST_TEXT])
    assert fitted.billed == (attempt(long[:LONGEST_NAME]),)
