"""An ended exchange as measurements."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.anthropic.usage import Attempt
from app.errors import API_TYPES
from app.exchange import Failure
from app.otel import measures
from app.otel.histograms import OVERFLOW, Histogram, Instrument
from app.otel.measures import DURATION, FIRST_CHUNK, TOKENS, Meter
from app.telemetry.entry import Entry
from tests.otel.entries import API, TRACED, entry
from tests.telemetry.exchanges import FAILED, USED

CANARY = "canary content of a prompt"


def measured(*entries: Entry) -> list[tuple[Instrument, int, float, dict[str, Any]]]:
    """Return the instrument, count, sum and attributes of each series."""
    meter = Meter(API)
    for one in entries:
        meter.record(one)
    return [
        (instrument, one.count, one.sum, dict(attributes))
        for instrument, series in meter.take(clear=False)
        for attributes, one in series.items()
    ]


def test_measurements_count_what_is_billed_by_closed_sets() -> None:
    common = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-opus-5-5",
        "gen_ai.response.model": "claude-opus-5-5",
        "server.address": "api.anthropic.com",
        "server.port": 443,
    }
    one = entry(requested_model="claude-opus-5-5-20260101")
    assert measured(one, one) == [
        (DURATION, 2, 8.0, common),
        (FIRST_CHUNK, 2, 0.82, common),
        (TOKENS, 2, 2 * 41_200, common | {"gen_ai.token.type": "input"}),
        (TOKENS, 2, 2 * 500, common | {"gen_ai.token.type": "output"}),
    ]


def test_the_tokens_of_every_attempt_count_estimated_ones_too() -> None:
    attempts = tuple(
        Attempt(model="claude-opus-5-5", usage=USED, estimated=estimated)
        for estimated in (False, True)
    )
    tokens = {
        attributes["gen_ai.token.type"]: total
        for instrument, _, total, attributes in measured(entry(billed=attempts))
        if instrument is TOKENS
    }
    assert tokens == {"input": 2 * 41_200, "output": 2 * 500}


@given(st.sampled_from([*API_TYPES.values(), CANARY, "made-up"]))
def test_an_error_in_a_measurement_is_of_the_api(kind: str) -> None:
    failed = entry(FAILED, failure=Failure("upstream", kind, "529"))
    ((instrument, count, _, attributes),) = measured(failed)
    assert (instrument, count) == (DURATION, 1)
    assert attributes["error.type"] == (kind if kind in API_TYPES.values() else "529")


def test_a_models_name_is_no_content() -> None:
    planted = replace(TRACED, requested_model=CANARY, model=CANARY)
    assert "canary" not in repr(measured(entry(planted)))


def test_a_clear_leaves_new_measurements_and_restored_ones() -> None:
    meter = Meter(API)
    meter.record(entry())
    first = meter.take(clear=True)
    assert not [*meter.take(clear=True)]
    meter.record(entry())
    meter.restore(first)
    meter.record(entry())
    counts = [one.count for _, series in meter.take(clear=True) for one in series.values()]
    assert counts == [3, 3, 3, 3]


def test_series_without_room_are_one() -> None:
    histogram = Histogram(DURATION, capacity=2)
    for number in range(5):
        histogram.of((("number", number),)).record(1.0)
    assert {attributes: one.count for attributes, one in histogram.series.items()} == {
        (("number", 0),): 1,
        (("number", 1),): 1,
        OVERFLOW: 3,
    }


def test_series_whose_place_was_forgotten_are_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "BOUND", 1)
    meter = Meter(API)
    exchanges = [entry(), entry(FAILED)]
    for exchange in exchanges * 2:
        meter.record(exchange)
        assert len(meter._bound) == 1
    durations = dict(meter.take(clear=False))[DURATION]
    assert [series.count for series in durations.values()] == [2, 2]
