"""The time of a scan, by a clock that goes on by a second whenever it is read."""

import itertools
import json

import pytest

from app.scrubber.redact.budget import SECONDS_PER_BYTE, STRIDE, Budget, TooSlow
from app.scrubber.redact.scrubber import Redaction, Scrubber
from tests.scrubber import scrubbing

KEY = "sk-ant-" + "api03-fakefakefakefake0001"
SLOW = [
    (KEY + " ") * 3000,
    "a@b" * 3000,
    "-----BEGIN RSA PRIVATE KEY-----\n" * 3000,
    "eyJaaaaaa-" * 3000,
    "postgres://" * 3000,
]


def scrubber(seconds: float) -> Scrubber:
    ticks = itertools.count()
    return scrubbing.scrubber(seconds=seconds, cpu=lambda: float(next(ticks)))


def redacted(messages: list[str], seconds: float, within: float | None = None) -> Redaction:
    body = json.dumps({"messages": messages}).encode()
    redaction = scrubber(seconds).redact(body, None, "POST", within)
    assert (redaction.body is body) == (redaction.report.skipped is not None)
    return redaction


@pytest.mark.parametrize("text", SLOW)
def test_a_body_that_takes_longer_is_skipped_as_too_slow(text: str) -> None:
    assert redacted([text, KEY], seconds=20).report.skipped == "too_slow"


@pytest.mark.parametrize("text", SLOW)
def test_a_body_that_takes_less_is_scanned_whole(text: str) -> None:
    assert KEY.encode() not in redacted([text, KEY], seconds=1_000_000).body


def test_many_small_texts_use_up_the_time_of_their_body_together() -> None:
    keys = [f"{KEY}{number:04}" for number in range(300)]
    assert redacted(keys, seconds=20).report.skipped == "too_slow"


def test_a_scan_can_be_held_to_less_than_its_time() -> None:
    assert redacted(SLOW, seconds=1_000_000, within=20).report.skipped == "too_slow"


@pytest.mark.slow
def test_a_larger_body_has_more_time() -> None:
    share = 1_000_000 * SECONDS_PER_BYTE
    keys = [f"{KEY}{number:03}" for number in range(30)]
    seconds = next(
        seconds
        for seconds in itertools.count(1)
        if redacted([*keys, "sk- x"], seconds).report.skipped is None
    )
    assert redacted([*keys, "sk- x"], seconds - share / 2).report.skipped == "too_slow"
    assert redacted([*keys, "sk- " + "x" * 1_000_000], seconds - share / 2).report.skipped is None


def test_the_clock_is_read_once_in_several_steps() -> None:
    reads = itertools.count()
    budget = Budget(lambda: float(next(reads)), seconds=3)
    for _ in range(3 * STRIDE + STRIDE - 1):
        budget.tick()
    with pytest.raises(TooSlow):
        budget.tick()
    assert next(reads) == 5
