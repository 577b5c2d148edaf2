"""A response is decoded and split once, for everyone who reads it."""

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest

from app.anthropic.intake import Intake
from app.anthropic.tap import Tap

SSE = "text/event-stream; charset=utf-8"
STREAM = b"event: ping\ndata: {}\n\n: comment\n\nevent: cut"


def _fed(intake: Intake, *chunks: bytes) -> list[bytes]:
    parts = [part for chunk in chunks for part in intake.feed(chunk)]
    return [record.raw for records in parts for record in records]


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        (None, bytes),
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("br", brotli.compress),
        ("deflate", zlib.compress),
    ],
)
def test_a_stream_comes_out_as_its_records(
    coding: str | None, encode: Callable[[bytes], bytes]
) -> None:
    packed = encode(STREAM)
    intake = Intake(SSE, coding)
    records = _fed(intake, *[packed[at : at + 1] for at in range(len(packed))])
    assert records == [b"event: ping\ndata: {}\n\n", b": comment\n\n"]
    assert intake.held == len(b"event: cut")
    assert intake.rest() == b"event: cut"
    assert intake.decodes == (coding not in (None, "identity"))
    assert not intake.cut


def test_anything_else_comes_out_in_pieces_as_it_is() -> None:
    intake = Intake("application/json", "gzip")
    assert b"".join(_fed(intake, gzip.compress(STREAM))) == STREAM
    assert intake.rest() == b""


def test_a_compressed_response_that_ends_early_is_cut() -> None:
    intake = Intake(SSE, "gzip")
    assert not intake.cut  # the answer to HEAD has no body
    _fed(intake, gzip.compress(STREAM)[:-9])
    assert intake.cut


def test_what_came_before_the_damage_comes_out() -> None:
    intake = Intake(SSE, "gzip")
    records = _fed(intake, gzip.compress(STREAM) + b"garbage" * 9, gzip.compress(STREAM))
    assert records == [b"event: ping\ndata: {}\n\n", b": comment\n\n"]
    assert intake.damaged


def test_an_unknown_coding_is_damage_from_the_start() -> None:
    intake = Intake(SSE, "compress")
    assert intake.damaged
    assert _fed(intake, STREAM) == []


def test_a_defect_of_the_tap_costs_only_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    tap = Tap(Intake(SSE, None))

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(tap._reader, "feed", broken)
    tap.feed(STREAM)
    assert tap.finish().usage_missing == "parse"
