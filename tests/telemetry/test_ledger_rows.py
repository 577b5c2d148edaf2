"""The rows that telemetry hands to the ledger: sums that agree with the metrics, never content."""

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec import structs
from msgspec.structs import replace

from app.anthropic.hints import Hints
from app.anthropic.token_types import COUNTED
from app.anthropic.usage import Attempt, Usage
from app.exchange import Exchange
from app.ledger import writer
from app.ledger.rows import MAX_COST, MAX_TOKENS, NAMES, NANO, Record
from app.ledger.sqlite import SqliteStore, open_store
from app.ledger.writer import Ledger
from app.scrubber.redact.report import ScrubReport
from app.telemetry.sampling.samples import Samples
from tests.ledger.ledgers import ask, ledger, records_of, write
from tests.telemetry.exchanges import FAILED, PLAIN, SESSION, exchanges, record, telemetry
from tests.thorough import scaled


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SqliteStore:
    return SqliteStore(tmp_path_factory.mktemp("ledger") / "ledger.sqlite")


class Kept(Ledger):
    """A ledger that writes nothing: ``kept`` are the rows of what it was handed."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            lambda: open_store(path),
            name=path.name,
            days=1,
            max_size=1,
            clock=time.monotonic,
            wall=time.time,
        )
        self.handed: list[Any] = []

    def put(self, record: Any) -> None:
        self.handed.append(record)

    @property
    def kept(self) -> list[Record]:
        return records_of(self.batch_of(self.handed))


def _records(path: Path, *ended: Exchange) -> list[Record]:
    """Return what the ledger is handed."""
    one = Kept(path)
    record(telemetry(ledger=one), *ended)
    return one.kept


def test_a_row_says_what_the_exchange_was(tmp_path: Path) -> None:
    exchange = replace(
        PLAIN,
        agent_id="a1",
        hints=Hints(
            request_class="subagent",
            agent_type="Explore",
            parent_agent_id="a0",
            prompt_id="p1",
            client_request_id="c1",
            prev_tool_durations=(("Bash", 99), ("Read", 1)),
        ),
        scrub=ScrubReport(matches={"email": 2, "aws_key": 1}),
        restored={"email": 4},
    )
    ((row, billed),) = _records(tmp_path, exchange)
    assert (row.started, row.duration, row.first_token) == (1_790_000_000_000, 4_000_000, 1_500_000)
    assert (row.input, row.cache_read, row.output, row.thinking) == (1_000, 40_000, 500, 100)
    assert (row.model, row.route, row.outcome, row.status) == (
        "claude-opus-5-5",
        "messages",
        "complete",
        200,
    )
    assert (row.session, row.agent, row.parent_agent, row.agent_type) == (
        SESSION,
        "a1",
        "a0",
        "Explore",
    )
    assert (row.prompt, row.request_class, row.tool_time) == ("p1", "subagent", 100_000)
    assert (row.request_id, row.client_request_id) == ("req_011CTestTestTest", "c1")
    assert (row.secrets_found, row.secrets_restored) == (3, 4)
    assert row.cost > 0
    assert (row.detailed, billed) == (0, ())


def test_a_failure_says_whose_and_what(tmp_path: Path) -> None:
    ((row, _),) = _records(tmp_path, FAILED)
    assert (row.failed, row.error_source, row.error_type, row.error_reason) == (
        1,
        "upstream",
        "overloaded_error",
        "529",
    )


def test_attempts_of_other_models_are_kept_apart(tmp_path: Path) -> None:
    own = Attempt(model=PLAIN.model, usage=Usage(output=10))
    other = Attempt(model="claude-haiku-4-5", usage=Usage(output=5), kind="fallback_message")
    several, foreign = _records(
        tmp_path, replace(PLAIN, billed=(own, other)), replace(PLAIN, billed=(other,))
    )
    assert (several.row.output, several.row.detailed) == (15, 1)
    assert [(one.model, one.kind, one.output) for one in several.billed] == [
        ("claude-opus-5-5", "message", 10),
        ("claude-haiku-4-5", "fallback_message", 5),
    ]
    assert [one.model for one in foreign.billed] == ["claude-haiku-4-5"]


def test_the_use_of_a_window_is_kept_as_it_was_before_and_after(tmp_path: Path) -> None:
    five, seven = (f"anthropic-ratelimit-unified-{name}-utilization" for name in ("5h", "7d"))
    first, other, second = (
        replace(PLAIN, headers=headers)
        for headers in ({five: "0.25", seven: "0.5"}, {}, {five: "0.26"})
    )
    found = [
        (row.window_5h_before, row.window_5h_after, row.window_7d_before, row.window_7d_after)
        for row, _ in _records(tmp_path, first, other, second)
    ]
    assert found == [
        (None, 250_000, None, 500_000),
        (None, None, None, None),
        (250_000, 260_000, 500_000, 500_000),
    ]


def test_words_that_upstream_chose_are_kept_only_if_they_are_words(tmp_path: Path) -> None:
    text = "you asked me to delete everything"
    ((row, _),) = _records(tmp_path, replace(PLAIN, stop_reason=text, cache_miss_reason=text))
    assert (row.stop_reason, row.cache_miss_reason) == ("other", "other")


@settings(
    max_examples=scaled(50, 20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(exchanges)
def test_whatever_ended_has_a_row_that_can_be_written(
    tmp_path: Path, store: SqliteStore, exchange: Exchange
) -> None:
    (found,) = _records(tmp_path, exchange)
    write(store, [found])
    row, billed = found
    for name in NAMES:
        said = getattr(row, name)
        assert said is None or (said.isascii() and " " not in said and len(said) <= 200)
    if len(exchange.billed) > 1:
        for kind in (*COUNTED, "cost", "unpriced"):
            assert getattr(row, kind) == sum(getattr(one, kind) for one in billed)
    assert row.cost <= MAX_COST * max(1, len(billed))
    assert row.output <= MAX_TOKENS * max(1, len(billed))


@settings(
    max_examples=scaled(50, 10),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(exchanges)
def test_the_rows_add_up_to_the_metrics(tmp_path: Path, exchange: Exchange) -> None:
    one = Kept(tmp_path)
    observer = telemetry(ledger=one)
    small = tuple(
        structs.replace(
            each, usage=Usage(input=7, output=5, cache_read=3, cache_write_1h=1), samplings=()
        )
        for each in exchange.billed
    )
    record(observer, replace(exchange, billed=small), PLAIN)
    counted = Samples(observer.collect())
    for kind in COUNTED:
        total = sum(getattr(row, kind) for row, _ in one.kept)
        assert counted.by("tokens_total", "type").get(kind, 0) == total, kind
    cost = sum(row.cost for row, _ in one.kept) / NANO
    assert counted.total("cost_usd_total") == pytest.approx(cost, abs=1e-8)
    assert counted.total("unpriced_requests_total") == sum(row.unpriced for row, _ in one.kept)
    assert counted.total("requests_total") == len(one.kept)


def test_what_becomes_of_the_rows_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "DELAY", 0.01)
    path = tmp_path / "ledger.sqlite"
    one = ledger(path)
    observer = telemetry(ledger=one)
    record(observer, PLAIN, PLAIN)
    observer.close()
    record(observer, PLAIN)
    counted = Samples(observer.collect())
    assert counted.by("ledger_rows_total", "result") == {"written": 2, "dropped": 1}
    assert counted.total("ledger_queue_rows") == 0
    assert ask(path, "SELECT count(*) FROM exchanges") == [(2,)]


def test_without_a_ledger_the_metrics_are_there(tmp_path: Path) -> None:
    observer = telemetry()
    record(observer, PLAIN)
    counted = Samples(observer.collect())
    assert counted.by("ledger_rows_total", "result") == {"written": 0, "dropped": 0}
    assert list(tmp_path.iterdir()) == []
