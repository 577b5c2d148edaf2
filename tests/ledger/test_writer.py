"""The thread that writes: nothing waits for it, and what it cannot write is counted."""

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.ledger import sqlite as stores
from app.ledger import tables, writer
from app.ledger.file import locked
from app.ledger.sqlite import SqliteStore
from app.ledger.writer import Ledger
from tests.ledger.ledgers import NOON, SESSION, ask, ledger, record, store, write

DAY = 86_400_000
DEADLINE = 60.0  # seconds that a test waits for something at most


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "DELAY", 0.01)


def _counting(one: Ledger) -> Counter[str]:
    counts: Counter[str] = Counter()
    one.count = lambda result, number: counts.update({result: number})
    return counts


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_what_was_put_is_written_at_the_end_at_the_latest(path: Path) -> None:
    one = ledger(path)
    counts = _counting(one)
    for number in range(250):
        one.put(record(input=number))
    one.close(DEADLINE)
    assert ask(path, "SELECT count(*), sum(input) FROM exchanges") == [(250, sum(range(250)))]
    assert counts == {"written": 250}
    assert one.waiting == 0


def test_a_row_does_not_wait_for_more_of_them(path: Path) -> None:
    one = ledger(path)
    counts = _counting(one)
    one.put(record())
    _until(lambda: counts["written"] == 1)
    assert ask(path, "SELECT count(*) FROM exchanges") == [(1,)]
    one.close()


def test_the_file_is_there_from_the_start(path: Path) -> None:
    one = ledger(path)
    one.start()
    one.close(DEADLINE)
    assert ask(path, "SELECT count(*) FROM exchanges") == [(0,)]


def test_the_file_waits_until_the_start_is_over(path: Path) -> None:
    one = ledger(path)
    counts = _counting(one)
    one.start(quiet=DEADLINE)
    assert not path.exists()
    one.put(record())
    _until(lambda: counts["written"] == 1)
    one.close(DEADLINE)
    assert ask(path, "SELECT count(*) FROM exchanges") == [(1,)]


@pytest.mark.parametrize("quiet", [0.01, DEADLINE], ids=["quiet", "ended"])
def test_a_damaged_file_is_logged_without_a_row(path: Path, quiet: float) -> None:
    path.write_bytes(b"no database" * 100)
    one = ledger(path)
    with capture_logs() as logged:
        one.start(quiet)
        if quiet == DEADLINE:
            one.close(DEADLINE)
        _until(lambda: bool(logged))
    one.close(DEADLINE)
    assert "moved aside" in logged[0]["event"]
    assert ask(path, "SELECT count(*) FROM exchanges") == [(0,)]


def test_more_rows_than_may_wait_are_dropped_and_counted(path: Path) -> None:
    one = ledger(path, capacity=5)
    counts = _counting(one)
    one._thread = threading.current_thread()  # nobody writes yet
    for _ in range(8):
        one.put(record())
    assert (one.waiting, counts) == (5, {"dropped": 3})
    one._thread = None
    one.start()
    one.close(DEADLINE)
    assert counts == {"dropped": 3, "written": 5}


def test_rows_wait_while_the_disk_cannot_be_written(path: Path) -> None:
    blocked = path.parent / "blocked"
    blocked.touch()
    one = ledger(blocked / "ledger.sqlite", capacity=3)
    counts = _counting(one)
    with capture_logs() as logged:
        for _ in range(5):
            one.put(record())
        _until(lambda: any("reason" in line for line in logged))
        assert (one.waiting, counts) == (3, {"dropped": 2})
        full = [line for line in logged if "is full" in line["event"]]
        assert [line["waiting"] for line in full] == [3]
        blocked.unlink()
        _until(lambda: counts["written"] == 3)
        assert one.waiting == 0
    one.close(DEADLINE)
    assert (logged[-1]["event"], logged[-1]["dropped"]) == ("the ledger is written again", 2)
    assert counts == {"dropped": 2, "written": 3}
    assert [line["log_level"] for line in logged] == ["warning", "warning", "info"]
    assert "ledger.sqlite" in logged[0]["ledger"]


def test_rows_wait_until_a_full_disk_has_room(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = ledger(path)
    counts = _counting(one)
    prepare = SqliteStore._prepare
    limit = [40]

    def with_few_pages(opened: SqliteStore) -> None:
        prepare(opened)
        opened._all(f"PRAGMA max_page_count = {limit[0]}")

    monkeypatch.setattr(SqliteStore, "_prepare", with_few_pages)
    with capture_logs() as logged:
        for number in range(40):
            one.put(record(request_id=f"req_{number:4000d}"))
        _until(lambda: bool(logged))
        limit[0] = 1_000_000
        _until(lambda: counts["written"] == 40)
    one.close(DEADLINE)
    assert counts == {"written": 40}
    assert logged[0]["reason"] == "database or disk is full"


def test_what_cannot_be_written_at_the_end_is_counted(path: Path) -> None:
    (path.parent / "blocked").touch()
    one = ledger(path.parent / "blocked" / "ledger.sqlite")
    counts = _counting(one)
    with capture_logs() as logged:
        for _ in range(3):
            one.put(record())
        one.close(DEADLINE)
    assert counts == {"dropped": 3}
    assert logged[-1]["rows"] == 3


def test_rows_wait_for_another_process_that_writes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "BUSY_TIMEOUT", 0.05)
    one = ledger(path)
    counts = _counting(one)
    one.put(record())
    _until(lambda: counts["written"] == 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        one.put(record())
        time.sleep(0.2)
        assert counts == {"written": 1}
        other.execute("COMMIT")
    one.close(DEADLINE)
    assert counts == {"written": 2}


def test_a_process_that_starts_while_another_one_opens_the_file_waits_for_it(path: Path) -> None:
    one = ledger(path)
    counts = _counting(one)
    with locked(path.parent):
        one.put(record())
        time.sleep(0.05)
        assert counts == {}
    one.close(DEADLINE)
    assert counts == {"written": 1}


def test_a_file_that_gets_damaged_is_set_aside_and_the_row_is_kept(path: Path) -> None:
    one = ledger(path)
    counts = _counting(one)
    one.put(record())
    _until(lambda: counts["written"] == 1)
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(4_096)
        file.write(b"\xff" * (path.stat().st_size - 4_096))
    with capture_logs() as logged:
        one.put(record(prompt="a new one", session="another"))
        one.close(DEADLINE)
    assert counts == {"written": 2}
    assert ask(path, "SELECT session FROM requests") == [("another",)]
    assert len(list(path.parent.glob("ledger.set-aside-*.sqlite"))) == 1
    assert [line["reason"] for line in logged] == ["it is damaged"]


def test_what_another_process_has_set_aside_is_not_set_aside_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ledger(path)
    counts = _counting(one)
    one.put(record())
    _until(lambda: counts["written"] == 1)
    actual = SqliteStore.write

    def damaged_once(opened: SqliteStore, *_: object) -> None:
        monkeypatch.setattr(SqliteStore, "write", actual)
        path.rename(path.with_name("aside"))
        with store(path) as other:
            write(other, [record(session="of another process")])
        error = sqlite3.DatabaseError("fake")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        with opened._translated():
            raise error

    monkeypatch.setattr(SqliteStore, "write", damaged_once)
    one.put(record())
    one.close(DEADLINE)
    assert counts == {"written": 2}
    assert ask(path, "SELECT session FROM requests") == [("of another process",), (SESSION,)]


def test_a_ledger_that_is_deleted_meanwhile_begins_again(path: Path) -> None:
    one = ledger(path)
    counts = _counting(one)
    one.put(record())
    _until(lambda: counts["written"] == 1)
    path.unlink()
    one.put(record(session="after"))
    _until(lambda: counts["written"] == 2)
    one.close(DEADLINE)
    assert ask(path, "SELECT session FROM requests") == [("after",)]


def test_old_rows_are_deleted_at_the_start(path: Path) -> None:
    first = ledger(path)
    for hours in (0, 10 * 24, 90 * 24 + 12, 90 * 24 + 23):
        first.put(record(started=NOON - hours * DAY // 24))
    first.close(DEADLINE)
    second = ledger(path)
    second.start()
    _until(lambda: ask(path, "SELECT count(*) FROM exchanges") == [(2,)])
    second.close(DEADLINE)


def test_rows_of_an_earlier_run_are_summed_up_at_the_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store(path) as opened:
        write(opened, [record(input=number) for number in range(7)])
    monkeypatch.setattr(tables, "SUMMED", 3)
    one = ledger(path)
    one.start()
    _until(lambda: ask(path, "SELECT max(id) FROM summaries") == [(6,)])
    one.close(DEADLINE)
    parts = ask(path, "SELECT id, requests, input FROM summaries ORDER BY id")
    assert parts == [(3, 3, 0 + 1 + 2), (6, 3, 3 + 4 + 5)]


def test_the_oldest_rows_go_when_the_file_is_too_large(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "REMOVED", 50)
    first = ledger(path)
    for number in range(2_000):
        first.put(record(started=NOON + number, request_id=f"req_{number:0100d}"))
    first.close(DEADLINE)
    second = ledger(path, max_size=200_000)
    second.start()

    def small() -> bool:
        ((size,),) = ask(
            path, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        )
        return bool(size <= 200_000)

    _until(small)
    second.close(DEADLINE)
    ((count, oldest, newest),) = ask(
        path, "SELECT count(*), min(started), max(started) FROM exchanges"
    )
    assert 100 < count < 2_000
    assert (oldest, newest) == (NOON + 2_000 - count, NOON + 1_999)


def test_a_row_that_is_refused_costs_no_other_row(path: Path) -> None:
    one = ledger(path)
    counts = _counting(one)
    with capture_logs() as logged:
        for number in range(23):
            one.put(record(input=number, cost=2**70 if number in (0, 7, 22) else 0))
        one.close(DEADLINE)
    assert counts == {"dropped": 3, "written": 20}
    kept = ask(path, "SELECT input FROM exchanges ORDER BY id")
    assert kept == [(number,) for number in range(23) if number not in (0, 7, 22)]
    assert ask(path, "SELECT requests FROM sessions") == [(20,)]
    assert [line["log_level"] for line in logged] == ["error"]


def test_rows_after_the_end_are_dropped(path: Path) -> None:
    one = ledger(path)
    counts = _counting(one)
    one.put(record())
    one.close(DEADLINE)
    one.put(record())
    assert counts == {"written": 1, "dropped": 1}


KILLED = """
import sys, time
from pathlib import Path
from tests.ledger.ledgers import ledger, record
one = ledger(Path(sys.argv[1]), clock=time.monotonic)
one.count = lambda result, number: print(result, number, flush=True)
for number in range(1_000_000):
    one.put(record(input=number))
    time.sleep(0.001)
"""


def test_what_was_written_outlasts_a_kill(path: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", KILLED, str(path)]
    written = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        for line in process.stdout:
            result, number = line.split()
            assert result == "written"
            written += int(number)
            if written > 500:
                process.send_signal(signal.SIGKILL)
    kept = [number for (number,) in ask(path, "SELECT input FROM exchanges ORDER BY id")]
    assert len(kept) >= written
    assert kept == list(range(len(kept)))
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    assert ask(path, "SELECT requests FROM sessions") == [(len(kept),)]
