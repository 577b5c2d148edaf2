"""How many series there are, whatever comes."""

import random
import subprocess
from collections.abc import Sequence
from typing import cast

import pytest
from msgspec.structs import replace

from app.anthropic.endpoints import ROUTES
from app.anthropic.errors import ERROR_CLASSES
from app.anthropic.token_types import COUNTED
from app.anthropic.usage import MISSING, Usage
from app.errors import Source, answers
from app.exchange import RETRY_REASONS, Exchange, Failure, Outcome, Progress, Retry, RetryReason
from app.scrubber.redact.report import ScrubReport
from app.telemetry.recorder import Telemetry
from app.telemetry.recorders.latency import DURATIONS
from app.telemetry.recorders.tokens import STOP_REASONS, STOPS
from app.telemetry.recorders.traffic import COMBINATIONS, ERROR_TYPES, WATCHED
from tests.programs import require
from tests.telemetry.exchanges import FAILED, PLAIN, PRICES, billed, exposition, record, telemetry
from tests.thorough import scaled

# Created timestamps included.
USUAL = 1_800
LIMIT = 3_000
ODD = scaled(5_000, 600)  # requests with every label as odd as it gets
SOME = scaled(1_000, 300)
SOURCES: Sequence[Source] = ("client", "upstream", "proxy")


def series(observer: Telemetry) -> int:
    return sum(len(family.samples) for family in observer.collect())


def requests(observer: Telemetry, **labels: str) -> float:
    return sum(
        sample.value
        for family in observer.collect()
        for sample in family.samples
        if sample.name == "anthropic_proxy_requests_total"
        and labels.items() <= sample.labels.items()
    )


def word(dice: random.Random) -> str:
    return f"made-up-{dice.randrange(1_000)}"


def anything(dice: random.Random) -> Exchange:
    """Return an exchange with every label as odd as it gets, or every known value."""
    kinds = ("requests", "tokens", "input-tokens", "priority-input-tokens", "fast-output-tokens")
    windows = {
        f"anthropic-ratelimit-unified-{dice.randrange(1_000)}h-status": word(dice) for _ in range(9)
    }
    limits = {f"anthropic-ratelimit-{kind}-limit": "5" for kind in kinds}
    return billed(
        PLAIN,
        route=dice.choice(ROUTES),
        method=word(dice),
        path=f"/{word(dice)}",
        status=dice.choice([None, *range(100, 600)]),
        outcome=dice.choice(list(Outcome)),
        streamed=dice.random() < 0.5,
        model=dice.choice([*PRICES.models, *PRICES.unpriced, word(dice)]),
        usage=Usage(input=3, output=3, cache_read=3, cache_write_1h=3, cache_write_5m=3),
        stop_reason=dice.choice([*STOP_REASONS, word(dice)]),
        usage_missing=dice.choice([None, *MISSING]),
        failure=Failure(dice.choice(SOURCES), dice.choice([*ERROR_TYPES, word(dice)]), word(dice)),
        retries=(
            Retry(
                dice.choice([*RETRY_REASONS, cast("RetryReason", word(dice))]), 1, recovered=True
            ),
        ),
        client_retry=dice.randrange(20),
        headers=windows | limits,
        scrub=ScrubReport(matches={word(dice): 1, word(dice): 2}),
        restored={word(dice): 1},
        session_id=word(dice),
        request_id=word(dice),
    )


def test_thousands_of_odd_requests_make_fewer_than_3000_series() -> None:
    observer, dice = telemetry(), random.Random(4)

    for _ in range(ODD):
        record(observer, anything(dice))

    assert series(observer) < LIMIT


def test_what_has_no_series_of_its_own_is_counted_still() -> None:
    observer, dice = telemetry(), random.Random(5)

    for _ in range(SOME):
        record(observer, anything(dice))

    exposed = {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in observer.collect()
        for sample in family.samples
    }
    counts = [count for (name, _), count in exposed.items() if name.endswith("_requests_total")]
    assert sum(counts) >= SOME
    folded = {
        labels[0] for (name, labels), count in exposed.items() if "overflow" in name and count
    }
    assert {"request", "model", "status", "detector", "limit_window", "stop_reason"} <= folded


def test_requests_keep_what_alerts_look_at_when_models_are_too_many() -> None:
    observer, dice = telemetry(), random.Random(7)
    for _ in range(ODD):
        record(observer, anything(dice))
    busy = {status: requests(observer, status=status) for status in ("429", "529")}

    limited = replace(FAILED, status=429)
    record(observer, *[limited] * 3, *[FAILED] * 2)

    assert requests(observer, status="429", route="messages") >= 3
    assert requests(observer, status="429") == busy["429"] + 3
    assert requests(observer, status="529") == busy["529"] + 2


def test_past_the_cap_on_combinations_a_request_loses_its_model_only() -> None:
    observer = telemetry()
    statuses = (200, 400, 401, 403, 404, 413, 500, 529)
    for model in PRICES.models:
        for status in statuses:
            record(observer, replace(PLAIN, model=model, status=status))
    assert requests(observer) > COMBINATIONS + len(PRICES.models)

    record(observer, replace(FAILED, route="files", status=422, outcome=Outcome.CLIENT_ABORT))

    assert (
        requests(observer, route="files", model="other", status="422", outcome="client_abort") == 1
    )
    assert requests(observer, status="500") == len(PRICES.models)


def test_past_the_cap_on_stop_reasons_a_response_loses_its_model_only() -> None:
    observer = telemetry()
    for model in PRICES.models:
        record(observer, *(replace(PLAIN, model=model, stop_reason=one) for one in STOP_REASONS))

    stops = [
        sample
        for family in observer.collect()
        for sample in family.samples
        if sample.name == "anthropic_proxy_stop_reasons_total"
    ]
    assert len(stops) == STOPS + len(STOP_REASONS)
    for reason in STOP_REASONS:
        counted = sum(stop.value for stop in stops if stop.labels["reason"] == reason)
        assert counted == len(PRICES.models)


def test_durations_beyond_the_room_for_models_are_counted_without_one() -> None:
    observer = telemetry()
    for model in PRICES.models:
        record(observer, replace(PLAIN, model=model))

    counts = [
        sample.value
        for family in observer.collect()
        for sample in family.samples
        if sample.name == "anthropic_proxy_request_duration_seconds_count"
    ]
    assert sum(counts) == len(PRICES.models)
    assert len([count for count in counts if count]) == DURATIONS + 1


def test_a_usual_day_stays_lean() -> None:
    observer = telemetry()

    for model in list(PRICES.models)[:5]:
        progress = Progress("messages", model=model)
        observer.started(progress)
        observer.collect()
        observer.finished(progress, replace(PLAIN, model=model))
    record(observer, FAILED)

    assert series(observer) < USUAL


@pytest.mark.external
def test_promtool_finds_nothing_to_complain_about() -> None:
    require("promtool", "prometheus")
    observer, dice = telemetry(), random.Random(6)
    record(observer, PLAIN, *(anything(dice) for _ in range(100)))

    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=exposition(observer.registry, "text/plain").encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert (checked.returncode, checked.stderr, checked.stdout) == (0, b"", b"")


def test_series_exist_at_zero_from_the_start_of_the_process() -> None:
    born = {
        (sample.name.removeprefix("anthropic_proxy_"), *sample.labels.values()): sample.value
        for family in telemetry().collect()
        for sample in family.samples
    }

    for model in PRICES.models:
        for kind in COUNTED:
            assert born["tokens_total", model, kind] == 0
            assert born["cost_usd_total", model, kind] == 0
        assert born["cost_usd_total", model, "server_tools"] == 0
        assert born["requests_total", "messages", model, "200", "complete"] == 0
    for error_type in ERROR_TYPES:
        assert born["errors_total", "upstream", error_type] == 0
    for failure in answers():
        assert born["errors_total", failure.source, failure.error_type] == 0
    for name in ERROR_CLASSES:
        assert born["failed_requests_total", name] == 0
    for model in PRICES.unpriced:
        assert born["unpriced_requests_total", model] == 0


@pytest.mark.parametrize("name", ["claude-opus-5-5", "claude-fable-5-2", "gpt-fake"])
def test_series_of_a_model_exist_at_zero_while_its_first_request_runs(name: str) -> None:
    observer = telemetry()
    observer.started(Progress("messages", model=name))

    model = PRICES.canonical(name)
    born = {
        (sample.name.removeprefix("anthropic_proxy_"), *sample.labels.values()): sample.value
        for family in observer.collect()
        for sample in family.samples
    }
    for status, outcome in WATCHED:
        assert born["requests_total", "messages", model, status, outcome] == 0
    for kind in COUNTED:
        assert born["tokens_total", model, kind] == 0
    for histogram in ("time_to_first_token_seconds", "time_per_output_token_seconds"):
        assert born[f"{histogram}_count", model] == 0
    assert born["request_duration_seconds_count", "messages", "true", model] == 0


def test_requests_that_only_start_take_no_place_from_those_that_end() -> None:
    observer = telemetry()
    for route in ROUTES:
        for model in (*PRICES.models, *PRICES.unpriced):
            observer.started(Progress(route, model=model))
        observer.collect()

    record(observer, replace(PLAIN, model="claude-haiku-4-5", status=404))

    assert requests(observer, model="claude-haiku-4-5", status="404") == 1


def test_a_long_price_list_does_not_make_a_long_exposition() -> None:
    many = {f"model-{number}": PRICES.models["claude-opus-5-5"] for number in range(300)}

    assert series(telemetry(prices=replace(PRICES, models=many))) < USUAL
