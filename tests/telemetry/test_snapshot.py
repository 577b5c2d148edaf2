"""The document, against the exposition of the same instant and its published schema."""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.anthropic.errors import ERROR_CLASSES
from app.exchange import Exchange, Failure, Outcome
from app.pages.metrics import SCHEMA
from app.telemetry.sampling.broadcast import Broadcast
from app.telemetry.sampling.sampler import Sampler, Snapshot
from tests.telemetry.exchanges import (
    FAILED,
    PLAIN,
    Clock,
    exchanges,
    exposition,
    parsed,
    record,
    telemetry,
)
from tests.thorough import scaled

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))


def taken(recorded: Iterable[Exchange]) -> Snapshot:
    observer = telemetry(Clock())
    sampler = Sampler(observer, Broadcast())
    record(observer, *recorded)
    return sampler.tick()


class Exposed:
    """The exposition, parsed."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.samples = [
            (sample.name.removeprefix("anthropic_proxy_"), sample.labels, sample.value)
            for family in parsed(exposition(snapshot))
            for sample in family.samples
        ]

    def total(self, name: str) -> float:
        return sum(value for found, _, value in self.samples if found == name)

    def by(self, name: str, *labels: str) -> dict[Any, float]:
        sums: dict[Any, float] = defaultdict(float)
        for found, said, value in self.samples:
            if found == name:
                key = tuple(said[label] for label in labels)
                sums[key if len(key) > 1 else key[0]] += value
        return dict(sums)


@settings(max_examples=scaled(30, 6))
@given(st.lists(exchanges, max_size=6))
def test_every_total_equals_the_parsed_exposition(recorded: list[Exchange]) -> None:
    snapshot = taken(recorded)
    document, exposed = snapshot.as_json(), Exposed(snapshot)

    requests, tokens, cost = document["requests"], document["tokens"], document["cost"]
    assert requests["total"] == exposed.total("requests_total")
    assert requests["started"] == exposed.total("requests_started_total")
    assert requests["active"] == exposed.total("requests_in_progress")
    for label in ("route", "model", "status", "outcome"):
        assert requests[f"by_{label}"] == nonzero(exposed.by("requests_total", label))
    assert document["errors"]["total"] == exposed.total("errors_total")
    assert document["errors"]["by_class"] == exposed.by("failed_requests_total", "class")
    assert document["errors"]["total"] == sum(document["errors"]["by_class"].values())
    assert document["errors"]["by_type"] == exposed.by("errors_total", "type")
    assert document["bytes"] == exposed.by("body_bytes_total", "direction")
    assert tokens["total"] == exposed.total("tokens_total")
    assert nonzero(tokens["by_type"]) == nonzero(exposed.by("tokens_total", "type"))
    assert tokens["thinking"] == exposed.total("thinking_tokens_total")
    by_model = {
        (model, kind): count
        for model, kinds in tokens["by_model"].items()
        for kind, count in kinds.items()
    }
    assert nonzero(by_model) == nonzero(exposed.by("tokens_total", "model", "type"))
    assert cost["total"] == exposed.total("cost_usd_total")
    assert cost["by_model"] == nonzero(exposed.by("cost_usd_total", "model"))
    assert cost["by_type"] == exposed.by("cost_usd_total", "type")
    assert cost["unpriced_requests"] == exposed.total("unpriced_requests_total")
    assert document["streams"]["ends"] == exposed.by("stream_ends_total", "cause")
    assert document["retries"] == exposed.by("retries_total", "result")
    assert document["retry_attempts"] == exposed.by("retry_attempts_total", "reason")
    assert tokens["missing_by_reason"] == exposed.by("usage_missing_total", "reason")
    assert document["streams"]["clients_stalled"] == exposed.total("clients_stalled")
    assert document["scrub"]["matches"] == exposed.by("scrub_matches_total", "detector")
    assert document["scrub"]["restored"] == exposed.by("scrub_restored_total", "detector")
    refused = exposed.by("scrub_restore_refused_total", "reason")
    assert document["scrub"]["refused"] == refused
    assert document["scrub"]["unresolved"] == exposed.total("scrub_unresolved_total")
    assert document["scrub"]["skipped"] == exposed.by("scrub_skipped_total", "reason")
    assert document["scrub"]["bytes"] == exposed.total("scrub_bytes_total")


def nonzero(counts: dict[Any, float]) -> dict[Any, float]:
    return {key: count for key, count in counts.items() if count}


@settings(max_examples=scaled(30, 6))
@given(st.lists(exchanges, max_size=6))
def test_the_document_keeps_to_its_schema_and_reads_back(recorded: list[Exchange]) -> None:
    snapshot = taken(recorded)

    VALIDATOR.validate(snapshot.as_json())
    assert json.loads(snapshot.encoded) == snapshot.as_json()


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(VALIDATOR.schema)


def test_a_fresh_proxy_has_a_whole_document() -> None:
    document = taken([]).as_json()

    VALIDATOR.validate(document)
    assert document["requests"]["total"] == 0
    assert document["latency"]["time_to_first_token"] == {"p50": None, "p95": None}
    assert document["tokens"]["by_type"]["input"] == 0


def test_figures_of_a_few_requests() -> None:
    clock = Clock()
    observer = telemetry(clock)
    sampler = Sampler(observer, Broadcast())
    record(observer, PLAIN, PLAIN, PLAIN, FAILED)
    clock.now += 10

    document = sampler.tick().as_json()

    assert document["uptime"] == 10
    assert document["rates"] == {"requests_per_second": 0.4, "output_tokens_per_second": 150.0}
    assert document["error_rate"] == dict.fromkeys(ERROR_CLASSES, 0) | {
        "total": 0.25,
        "overload": 0.25,
    }
    assert document["error_rate_5m"]["requests"] == 4
    assert document["tokens"]["cache_hit_ratio"] == 120_000 / 123_600
    assert 1 < document["latency"]["time_to_first_token"]["p50"] <= 1.5
    assert document["cost"]["per_hour"] > 0
    assert [row["status"] for row in document["recent"]] == [529, 200, 200, 200]
    assert len(document["history"]) == 1


def test_the_last_fifty_requests_are_kept() -> None:
    document = taken([PLAIN] * 60).as_json()

    assert len(document["recent"]) == 50
    assert document["recent"][0]["time_to_first_token"] == 1.5
    assert document["recent"][0]["input_tokens"] == 41_200


def test_the_recent_requests_are_in_order_of_their_start() -> None:
    long = replace(PLAIN, started_at=100.0, duration=90.0)
    short = replace(PLAIN, started_at=150.0, duration=1.0)

    document = taken([short, long, replace(PLAIN, started_at=120.0)]).as_json()

    assert [row["time"] for row in document["recent"]] == [150.0, 120.0, 100.0]


def test_a_recent_request_that_failed_says_why() -> None:
    unreachable = replace(
        FAILED,
        status=502,
        outcome=Outcome.UPSTREAM_ERROR,
        failure=Failure("upstream", "api_error", "connect_failed"),
    )

    plain, failed = taken([PLAIN, unreachable]).as_json()["recent"][::-1]

    assert (plain["error_class"], plain["reason"]) == (None, None)
    assert (failed["error_class"], failed["reason"]) == ("network", "connect_failed")
