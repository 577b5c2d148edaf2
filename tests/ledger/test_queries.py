"""What the ledger answers: sums over its rows, whatever they are grouped by."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.anthropic.token_types import COUNTED
from app.ledger import queries
from app.ledger.file import UnusableLedger
from app.ledger.queries import Group, Totals
from app.ledger.reader import NoLedger, Reader, TooSlow, reading
from app.ledger.rows import QUARTER, Record
from tests.ledger.ledgers import (
    NOON,
    SESSION,
    ask,
    attempt,
    filled,
    record,
    store,
    summing_up,
    write,
)
from tests.thorough import scaled

HOUR = 3_600_000
TABLES = (queries.by_day, queries.by_hour, queries.by_model, queries.by_session, queries.by_agent)


def _keys(groups: list[Group]) -> dict[str | None, int]:
    return {group.key: group.totals.requests for group in groups}


def _total(groups: list[Group]) -> Totals:
    return sum((group.totals for group in groups), Totals())


def _at(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1_000)  # type: ignore[arg-type, misc]


@pytest.mark.usefixtures("zone")
def test_days_and_hours_are_those_of_this_machine(path: Path) -> None:
    starts = [
        (2026, 11, 1, 22, 59),
        (2026, 11, 1, 23, 1),
        (2026, 10, 25, 0, 30),
        (2026, 10, 25, 1, 30),
    ]
    filled(path, *(record(started=_at(*start)) for start in starts))
    with reading(path) as reader:
        assert _keys(queries.by_day(reader, 0)) == {
            "2026-10-25": 2,
            "2026-11-01": 1,
            "2026-11-02": 1,
        }
        assert _keys(queries.by_hour(reader, 0)) == {
            "2026-10-25T02:00+02:00": 1,
            "2026-10-25T02:00+01:00": 1,
            "2026-11-01T23:00+01:00": 1,
            "2026-11-02T00:00+01:00": 1,
        }


def test_each_attempt_counts_under_its_own_model(path: Path) -> None:
    filled(
        path,
        record(input=1),
        record(
            attempt("claude-opus-5", input=10, cost=5),
            attempt("claude-haiku-5", input=100, cost=7),
            input=110,
            cost=12,
            failed=1,
        ),
    )
    with reading(path) as reader:
        groups = {group.key: group.totals for group in queries.by_model(reader, 0)}
    assert {
        model: (t.requests, t.failed, t.tokens["input"], t.cost) for model, t in groups.items()
    } == {
        "claude-opus-5": (2, 1, 11, 1_005),
        "claude-haiku-5": (0, 0, 100, 7),
    }


def test_sessions_and_agents_are_distinguished(path: Path) -> None:
    filled(
        path,
        record(started=NOON - HOUR),
        record(agent="a1", agent_type="Explore", session="another", cost=9_000),
        record(session=None),
    )
    with reading(path) as reader:
        sessions, agents = queries.by_session(reader, 0), queries.by_agent(reader, 0)
    assert _keys(sessions) == {"another": 1, None: 1, SESSION: 1}
    assert [group.key for group in sessions][-1] == SESSION
    assert [(group.key, group.note, group.totals.requests) for group in agents] == [
        ("a1", "Explore", 1),
        (None, None, 2),
    ]


def test_labels_are_grouped_by_the_value_of_one(path: Path) -> None:
    filled(
        path,
        record(labels="repo=acme/widgets,team=a"),
        record(labels="repo=acme/widgets"),
        record(labels="team=b"),
        record(),
    )
    with reading(path) as reader:
        assert queries.label_names(reader) == ["repo", "team"]
        assert _keys(queries.by_label(reader, 0, "repo")) == {"acme/widgets": 2, None: 2}
        assert _keys(queries.by_label(reader, 0, "team")) == {"a": 1, "b": 1, None: 2}


def test_only_what_began_since_counts(path: Path) -> None:
    filled(path, record(started=NOON - HOUR), record())
    with reading(path) as reader:
        for table in TABLES:
            assert _total(table(reader, NOON / 1_000)).requests == 1, table
            assert _total(table(reader, NOON / 1_000 + 3_600)).requests == 0, table


def test_an_empty_ledger_has_no_groups(path: Path) -> None:
    filled(path)
    with reading(path) as reader:
        assert [table(reader, 0) for table in TABLES] == [[]] * len(TABLES)
        assert queries.label_names(reader) == []


amounts = st.integers(0, 10**12)
attempts = st.builds(
    lambda model, *counts: attempt(model, **dict(zip((*COUNTED, "cost"), counts, strict=True))),
    st.sampled_from(["claude-opus-5", "claude-haiku-5", "other"]),
    *[amounts] * (len(COUNTED) + 1),
)


def _partly_summed_up(path: Path, written: list[Record], summed: int) -> None:
    """Write rows; of the first ``summed``, as many as make threes are in summaries."""
    with store(path) as opened, summing_up(3):
        write(opened, written[:summed])
        while opened.sum_up():
            pass
        write(opened, written[summed:])


@st.composite
def records(draw: st.DrawFn) -> Record:
    billed = draw(st.lists(attempts, min_size=1, max_size=3))
    sums = {name: sum(getattr(one, name) for one in billed) for name in (*COUNTED, "cost")}
    return record(
        *(billed if len(billed) > 1 else ()),
        model=billed[0].model,
        started=draw(st.integers(0, 4 * 10**12)),
        failed=draw(st.integers(0, 1)),
        session=draw(st.none() | st.sampled_from(["s1", "s2"])),
        agent=draw(st.none() | st.sampled_from(["a1", "a2"])),
        labels=draw(st.none() | st.sampled_from(["repo=r1", "branch=b,repo=r1", "repo=r2"])),
        **sums,
    )


@settings(max_examples=scaled(25, 8), deadline=None)
@given(st.lists(records(), max_size=12), st.integers(0, 12))
def test_whatever_they_are_grouped_by_the_sum_is_that_of_the_rows(
    tmp_path_factory: pytest.TempPathFactory, written: list[Record], summed: int
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    _partly_summed_up(path, written, summed)
    rows = [one.row for one in written]
    expected = Totals(
        len(rows),
        sum(row.failed for row in rows),
        {kind: sum(getattr(row, kind) for row in rows) for kind in COUNTED},
        sum(row.cost for row in rows),
    )
    with reading(path) as reader:
        for table in TABLES:
            assert _total(table(reader, 0)) == expected, table
        assert _total(queries.by_label(reader, 0, "repo")) == expected


GROUPED: Mapping[str, tuple[Callable[[Reader, float], list[Group]], str]] = {
    "session": (queries.by_session, "session"),
    "agent": (queries.by_agent, "agent"),
    "label": (lambda reader, since: queries.by_label(reader, since, "repo"), "labels"),
}


@pytest.mark.parametrize("by", GROUPED)
@settings(max_examples=scaled(25, 8), deadline=None)
@given(
    st.lists(records(), min_size=1, max_size=12),
    st.integers(0, 12),
    st.integers(0, 4 * 10**12),
    st.integers(0, 4 * 10**9),
)
def test_the_sums_of_a_group_are_those_of_its_rows_since_a_time(
    tmp_path_factory: pytest.TempPathFactory,
    by: str,
    written: list[Record],
    summed: int,
    deleted: int,
    since: int,
) -> None:
    """Whichever of the rows are in summaries, and after old ones were deleted.

    In every table: a quarter hour is deleted whole.
    """
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    _partly_summed_up(path, written, summed)
    with store(path) as opened:
        opened.remove_before(deleted)
        opened.tidy()
    table, column = GROUPED[by]
    start = max(deleted, since * 1_000) // QUARTER * QUARTER
    expected: dict[str | None, tuple[int, int, float, float]] = {}
    for row in (one.row for one in written if one.row.started >= start):
        key = (getattr(row, column) or "=").split("=")[-1] or None
        count, cost, first, last = expected.get(key, (0, 0, float("inf"), 0.0))
        began, ended = row.started / 1_000, (row.started + row.duration // 1_000) / 1_000
        expected[key] = count + 1, cost + row.cost, min(first, began), max(last, ended)
    with reading(path) as reader:
        found = {
            one.key: (one.totals.requests, one.totals.cost, one.first, one.last)
            for one in table(reader, since)
        }
        days = _total(queries.by_day(reader, since))
    assert found == expected
    counts, costs = (sum(one[place] for one in expected.values()) for place in (0, 1))
    assert (days.requests, days.cost) == (counts, costs)


def test_a_row_counts_when_all_before_it_were_summed_up_and_deleted(path: Path) -> None:
    with store(path) as opened, summing_up(2):
        write(opened, [record(session="old"), record(session="old")])
        assert opened.sum_up()
        assert opened.remove_oldest() == 2
        write(opened, [record(session="new")])
        opened.tidy()
        with reading(path) as reader:
            assert _keys(queries.by_session(reader, 0))["new"] == 1


def test_a_ledger_is_read_while_it_is_written(path: Path) -> None:
    with store(path) as opened:
        write(opened, [record()])
        with reading(path) as reader:
            assert _keys(queries.by_model(reader, 0)) == {"claude-opus-5": 1}
            write(opened, [record()])
            assert _keys(queries.by_session(reader, 0)) == {SESSION: 1}  # one state throughout


def test_a_ledger_in_a_directory_that_cannot_be_written_is_read(path: Path) -> None:
    filled(path, record())
    path.parent.chmod(0o500)
    try:
        with reading(path) as reader:
            assert _keys(queries.by_model(reader, 0)) == {"claude-opus-5": 1}
    finally:
        path.parent.chmod(0o700)


def test_where_there_is_no_ledger_none_is_made(path: Path) -> None:
    with pytest.raises(NoLedger, match=r"ledger\.sqlite"), reading(path):
        pass
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("steps", [[], ["auto_vacuum = INCREMENTAL", "journal_mode = WAL"]])
def test_a_file_that_is_being_set_up_holds_nothing_yet(path: Path, steps: list[str]) -> None:
    path.touch()
    for step in steps:
        ask(path, f"PRAGMA {step}")
    with pytest.raises(NoLedger, match="yet"), reading(path):
        pass


def test_a_file_that_is_no_ledger_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(UnusableLedger, match="damaged"), reading(path):
        pass
    path.unlink()
    ask(path, "CREATE TABLE notes (text)")
    with pytest.raises(UnusableLedger, match="not a ledger"), reading(path):
        pass


def test_a_query_ends_when_its_time_is_over(path: Path) -> None:
    filled(path, record())
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
    with pytest.raises(TooSlow), reading(path, seconds=0.05) as reader:
        reader.rows(endless)


def test_a_reader_cannot_write(path: Path) -> None:
    filled(path, record())
    with pytest.raises(UnusableLedger), reading(path) as reader:
        reader.rows("DELETE FROM exchanges")
    assert ask(path, "SELECT count(*) FROM exchanges") == [(1,)]


def test_a_session_without_requests_has_no_agents(path: Path) -> None:
    filled(path)
    with reading(path) as reader:
        assert queries.agents_of(reader, 1, 10) == ([], 0)
