"""The file of the ledger: what is written, what is set aside, what goes with time."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.anthropic.token_types import COUNTED
from app.exchange import Exchange
from app.ledger import schema, tables
from app.ledger import sqlite as stores
from app.ledger.file import UnusableLedger
from app.ledger.places import reading
from app.ledger.rows import BILLED_NAMES, DURATIONS, NAMES, QUARTER, Billed, Record, Row
from app.ledger.sqlite import SqliteStore, open_store
from app.ledger.store import Unavailable
from tests.ledger.ledgers import NOON, SESSION, ask, attempt, record, store, summing_up, write
from tests.thorough import scaled

DAY = 86_400_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.sqlite"


def _aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob("ledger.set-aside-*.sqlite"))


def test_a_row_is_kept_with_its_names(path: Path) -> None:
    with store(path) as opened:
        write(opened, [record(agent="a1", labels="repo=acme/widgets", first_token=250_000)])
    found = ask(
        path, "SELECT model, session, agent, labels, cost_usd, first_token_seconds FROM requests"
    )
    assert found == [("claude-opus-5", SESSION, "a1", "repo=acme/widgets", 1e-6, 0.25)]


def test_the_tables_have_the_columns_of_the_rows(path: Path) -> None:
    with store(path):
        pass
    for table, fields in (("exchanges", Row._fields), ("billed", Billed._fields)):
        columns = [name for (name,) in ask(path, f"SELECT name FROM pragma_table_info('{table}')")]
        assert set(fields) <= set(columns), table
    assert set(COUNTED) <= set(Row._fields)
    assert set(COUNTED) <= set(Billed._fields)


def test_the_durations_stand_together_in_their_order() -> None:
    first = Row._fields.index(DURATIONS[0])
    assert Row._fields[first : first + len(DURATIONS)] == DURATIONS
    assert set(DURATIONS) <= Exchange.__annotations__.keys()


def test_columns_of_names_are_those_whose_rows_hold_text() -> None:
    for kind, names in ((Row, NAMES), (Billed, BILLED_NAMES)):
        text = [name for name, said in kind.__annotations__.items() if "str" in str(said)]
        own = ("request_id", "client_request_id", "context")
        assert [name for name in text if name not in own] == list(names)


def test_a_batch_larger_than_a_statement_is_written_whole(path: Path) -> None:
    count = 3 * SqliteStore.chunk + 7
    with store(path) as opened:
        write(opened, [record(input=number, prompt=f"p{number}") for number in range(count)])
        write(opened, [record(input=1000)])
    assert ask(path, "SELECT count(*), sum(input) FROM exchanges") == [
        (count + 1, sum(range(count)) + 1000)
    ]
    assert ask(path, "SELECT count(DISTINCT prompt) FROM requests") == [(count,)]


_TEXTS = st.sampled_from(("a", "b", "c"))
_NUMBERS = st.integers(0, 2**40)
_STARTS = st.integers(NOON, NOON + 3 * DAY)
_ROWS = st.builds(
    lambda started, fields, billed: record(*billed, started=started, **fields),
    _STARTS,
    st.fixed_dictionaries(
        {"model": _TEXTS, "input": _NUMBERS, "failed": st.integers(0, 1)},
        optional={
            **dict.fromkeys(("session", "agent", "labels", "cache_verdict"), st.none() | _TEXTS),
            **dict.fromkeys(("first_token", "cache_missed"), st.none() | _NUMBERS),
        },
    ),
    st.lists(st.builds(lambda model, tokens: attempt(model, input=tokens), _TEXTS, _NUMBERS)),
)


@given(st.lists(st.lists(_ROWS, min_size=1, max_size=40), max_size=3))
@settings(max_examples=scaled(25, 10), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_written_is_read_again_and_summed(
    tmp_path: Path, batches: list[list[Record]]
) -> None:
    path = tmp_path / "ledger.sqlite"
    path.unlink(missing_ok=True)
    with store(path) as opened:
        for batch in batches:
            write(opened, batch)
    given_rows = [one for batch in batches for one in batch]
    texts = dict(ask(path, "SELECT id, name FROM names"))
    named = [Row._fields.index(name) for name in NAMES]
    stored = [list(row) for row in ask(path, f"SELECT {', '.join(Row._fields)} FROM exchanges")]
    for values in stored:
        for place in named:
            values[place] = None if values[place] is None else texts[values[place]]
    assert stored == [list(row) for row, _ in given_rows]
    sums: dict[tuple[int, str], tuple[int, int, int]] = {}
    for row, billed in given_rows:
        quarter = row.started // QUARTER
        for model, amounts in (
            (row.model, (1, row.failed, 0 if billed else row.input)),
            *((one.model, (0, 0, one.input)) for one in billed),
        ):
            before = sums.get((quarter, model), (0, 0, 0))
            a, b, c = (x + y for x, y in zip(before, amounts, strict=True))
            sums[quarter, model] = (a, b, c)
    quarters = ask(path, "SELECT quarter, model, requests, failed, input FROM quarters")
    assert {(quarter, texts[model]): tuple(rest) for quarter, model, *rest in quarters} == sums


def test_names_are_right_however_few_are_remembered(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "NAMES_KEPT", 3)
    prompts = [f"p{number % 7}" for number in range(40)]
    with store(path) as opened:
        for start in range(0, 40, 4):
            write(opened, [record(prompt=prompt) for prompt in prompts[start : start + 4]])
    assert [name for (name,) in ask(path, "SELECT prompt FROM requests ORDER BY id")] == prompts


def test_attempts_are_kept_where_there_are_several(path: Path) -> None:
    with store(path) as opened:
        write(
            opened,
            [
                record(),
                record(attempt("claude-opus-5", input=1), attempt("claude-haiku-5", input=2)),
            ],
        )
    assert ask(
        path,
        "SELECT exchange, number, name, input FROM billed JOIN names ON names.id = billed.model",
    ) == [(2, 0, "claude-opus-5", 1), (2, 1, "claude-haiku-5", 2)]


def test_a_sessions_totals_are_the_sums_of_its_rows(path: Path) -> None:
    with store(path) as opened:
        write(opened, [record(input=1, cost=10), record(input=2, cost=20, failed=1)])
        write(
            opened,
            [
                record(input=4, cost=40, started=NOON + 5_000, labels="team=a"),
                record(session="another", input=100),
                record(session=None, input=1_000),
            ],
        )
    assert ask(
        path,
        "SELECT s.name, requests, failed, input, cost, started, sessions.last, l.name FROM sessions"
        " JOIN names AS s ON s.id = session LEFT JOIN names AS l ON l.id = labels ORDER BY input",
    ) == [
        (SESSION, 3, 1, 7, 70, NOON, NOON + 7_000, "team=a"),
        ("another", 1, 0, 100, 1_000, NOON, NOON + 2_000, None),
    ]


def test_a_batch_is_written_whole_or_not_at_all(path: Path) -> None:
    with store(path) as opened:
        write(opened, [record(prompt="first")])
        with pytest.raises(OverflowError):
            write(opened, [record(prompt="second"), record(cost=2**70)])
        write(opened, [record(prompt="second")])
    assert ask(path, "SELECT id, prompt FROM requests") == [(1, "first"), (2, "second")]
    assert ask(path, "SELECT requests FROM sessions") == [(2,)]


def test_nobody_else_may_read_the_file(path: Path) -> None:
    with store(path) as opened:
        write(opened, [record()])
        assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    path.chmod(0o644)
    with store(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "content",
    [
        b"not a database at all" * 100,
        b"SQLite format 3\0" + b"\xff" * 8_000,
        b"\0" * 4_096,
        b"x",
    ],
    ids=["text", "a broken header", "zeros", "a byte"],
)
def test_a_file_that_is_no_database_is_set_aside(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with store(path) as opened:
        write(opened, [record()])
    assert ask(path, "SELECT count(*) FROM requests") == [(1,)]
    assert [file.read_bytes() for file in _aside(path)] == [content]


@pytest.mark.parametrize(
    ("found", "damage"),
    [
        # The number of the schema's format (sqlite.org/fileformat.html) is behind these.
        (b"\0\0\0\x16\0\0\0\x04", b"\0\0\0\x16\0\0\0\x09"),
        (b"CREATE TABLE exchanges (", b"CREATE TABLE exchanges \xf8"),
    ],
    ids=["format", "schema"],
)
def test_a_ledger_that_sqlite_cannot_understand_is_set_aside(
    path: Path, found: bytes, damage: bytes
) -> None:
    with store(path) as opened:
        write(opened, [record()])
    content = path.read_bytes()
    assert found in content
    path.write_bytes(content.replace(found, damage, 1))
    with pytest.raises(UnusableLedger), reading(path):
        pass
    with store(path) as opened:
        write(opened, [record()])
    assert len(_aside(path)) == 1


def test_a_database_of_another_program_is_set_aside(path: Path) -> None:
    path.parent.mkdir()
    ask(path, "CREATE TABLE notes (text)")
    with store(path):
        pass
    assert len(_aside(path)) == 1
    assert ask(_aside(path)[0], "SELECT count(*) FROM notes") == [(0,)]


def test_a_ledger_of_a_newer_version_is_set_aside(path: Path) -> None:
    with store(path) as opened:
        write(opened, [record()])
    ask(path, f"PRAGMA user_version = {schema.VERSION + 1}")
    with store(path):
        assert ask(path, "SELECT count(*) FROM requests") == [(0,)]
    assert ask(_aside(path)[0], "SELECT count(*) FROM requests") == [(1,)]


def test_a_ledger_of_the_first_version_keeps_its_rows(path: Path) -> None:
    path.parent.mkdir()
    for statement in schema.MIGRATIONS[0]:
        ask(path, statement)
    ask(path, f"PRAGMA application_id = {schema.APPLICATION_ID}")
    ask(path, "PRAGMA user_version = 1")
    ask(path, "INSERT INTO names (name, last) VALUES ('messages', 0)")
    table = "SELECT name FROM pragma_table_info('exchanges') WHERE \"notnull\""
    needed = [name for (name,) in ask(path, table)]
    marks = ", ".join("1" * len(needed))
    ask(path, f"INSERT INTO exchanges ({', '.join(needed)}) VALUES ({marks})")
    with store(path) as opened:
        write(opened, [record(cache_verdict="hit", cache_missed=0, context='{"tools":1}')])
    assert ask(path, "SELECT cache_missed, context FROM exchanges ORDER BY id") == [
        (None, None),
        (0, '{"tools":1}'),
    ]
    found = ask(path, "SELECT route, cache_verdict FROM requests ORDER BY id")
    assert found == [("messages", None), ("messages", "hit")]
    assert not _aside(path)


def test_a_ledger_that_lacks_a_table_is_set_aside(path: Path) -> None:
    with store(path):
        pass
    ask(path, "DROP TABLE sessions")
    with store(path) as opened:
        write(opened, [record()])
    ask(path, "PRAGMA user_version = 0")
    with store(path) as opened:
        write(opened, [record()])
    assert len(_aside(path)) == 2


def test_what_is_no_regular_file_is_set_aside(path: Path) -> None:
    path.mkdir(parents=True)
    with store(path) as opened:
        write(opened, [record()])
    assert len(_aside(path)) == 1


def test_an_empty_file_becomes_a_ledger(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with store(path) as opened:
        write(opened, [record()])
    assert not _aside(path)


def test_to_open_a_ledger_again_writes_nothing(path: Path) -> None:
    with store(path), closing(sqlite3.connect(path)) as looking:
        before = looking.execute("PRAGMA data_version").fetchone()
        with store(path):
            pass
        assert looking.execute("PRAGMA data_version").fetchone() == before


def test_two_connections_share_a_file(path: Path) -> None:
    with store(path) as one, store(path) as other:
        for number in range(4):
            write(one, [record(prompt=f"p{number}")])
            write(other, [record(prompt=f"p{number}"), record(prompt="other", session="other")])
    assert ask(path, "SELECT prompt, count(*) FROM requests GROUP BY 1 ORDER BY 1") == [
        ("other", 4),
        *((f"p{number}", 2) for number in range(4)),
    ]
    assert sorted(ask(path, "SELECT requests FROM sessions")) == [(4,), (8,)]


def test_a_file_that_was_moved_away_is_noticed(path: Path) -> None:
    with store(path) as opened:
        assert opened.usable
        path.rename(path.with_name("elsewhere"))
        assert not opened.usable
        path.touch()
        assert not opened.usable


def test_old_rows_go_with_their_attempts_sessions_and_names(path: Path) -> None:
    old = record(
        attempt("claude-opus-5"), attempt("old-model"), started=NOON - 9 * DAY, session="old"
    )
    with store(path) as opened:
        write(opened, [old, record(started=NOON - 9 * DAY), record()])
        assert opened.remove_before(NOON - 5 * DAY) == 2
        opened.tidy()
        write(opened, [record(session="old")])
    assert ask(path, "SELECT id, session FROM requests ORDER BY id") == [(3, SESSION), (4, "old")]
    assert ask(path, "SELECT count(*) FROM billed") == [(0,)]
    assert ask(path, "SELECT requests FROM sessions ORDER BY requests") == [(1,), (2,)]
    assert ask(path, "SELECT count(*) FROM names WHERE name = 'old-model'") == [(0,)]


def test_a_name_that_another_process_deleted_gets_a_number_of_its_own(path: Path) -> None:
    with store(path) as one, store(path) as other:
        write(one, [record(prompt="old", started=NOON - 9 * DAY)])
        write(other, [record()])
        assert other.remove_before(NOON - 5 * DAY) == 1
        other.tidy()
        write(other, [record(prompt="new")])
        write(one, [record(prompt="old", started=NOON)])
    assert [name for (name,) in ask(path, "SELECT prompt FROM requests ORDER BY id")] == [
        None,
        "new",
        "old",
    ]


def test_when_all_rows_are_gone_nothing_is_left(path: Path) -> None:
    with store(path) as opened, summing_up(2):
        write(opened, [record(), record(session="another")])
        assert opened.sum_up()
        assert opened.remove_oldest() == 2
        opened.tidy()
        assert opened.oldest is None
    for table in ("exchanges", "billed", "sessions", "summaries", "names"):
        assert ask(path, f"SELECT count(*) FROM {table}") == [(0,)], table


def test_the_file_gets_smaller_when_rows_go(path: Path) -> None:
    with store(path) as opened:
        for _ in range(30):
            write(opened, [record(request_id=f"req_{number:040d}") for number in range(100)])
        before = opened.size
        while opened.remove_oldest():
            opened.tidy()
        assert opened.size < before / 4
    assert path.stat().st_size < before / 2


def test_a_writer_waits_for_another_process(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "BUSY_TIMEOUT", 0.05)
    with store(path) as opened, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            write(opened, [record()])
        assert opened.usable
        other.execute("COMMIT")
        write(opened, [record()])
    assert ask(path, "SELECT count(*) FROM requests") == [(1,)]


def test_a_directory_that_cannot_be_written_is_no_place_for_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="exists"):
        open_store(tmp_path / "file" / "ledger.sqlite")
