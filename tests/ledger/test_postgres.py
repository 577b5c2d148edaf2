"""The ledger in PostgreSQL: shared by replicas, nothing lost, nothing doubled."""

import json
import random
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from structlog.testing import capture_logs

from app.budgets.rules import parse
from app.budgets.sums import read_sums
from app.certificates import Certificate
from app.cli import main
from app.ledger import schema, writer
from app.ledger.file import UnusableLedger, ledger_file
from app.ledger.places import connecting, reading
from app.ledger.postgres import PostgresStore, Writer, examine
from app.ledger.postgres.connection import options
from app.ledger.postgres.faults import reason
from app.ledger.reader import NoLedger, TooSlow
from app.ledger.rows import QUARTER, Record
from app.ledger.server import Server
from app.ledger.store import Unavailable
from app.ledger.writer import Ledger
from app.pages import ledger as pages
from simulator import Simulator
from tests.ledger import ledgers
from tests.ledger.clusters import PASSWORD, USER, Cluster, ask
from tests.ledger.cutting import Cut, cutting
from tests.ledger.ledgers import NOON, attempt, record, summing_up, write
from tests.proxying import MESSAGE, proxying, until

DAY = 86_400_000
DEADLINE = 60.0  # seconds that a test waits for something at most
TABLES = ("exchanges", "billed", "names", "sessions", "quarters", "summaries")


@pytest.fixture
def server(postgresql: Cluster) -> Server:
    return postgresql.create()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "DELAY", 0.01)
    monkeypatch.setattr(writer, "LAST_RETRY", 0.2)


@contextmanager
def _store(server: Server) -> Iterator[PostgresStore]:
    with closing(Writer(server).open()) as opened:
        yield opened


@contextmanager
def _ledger(server: Server, **options: Any) -> Iterator[tuple[Ledger, Counter[str]]]:
    """Run a ledger; return what became of its rows as well."""
    counts: Counter[str] = Counter()
    chosen: dict[str, Any] = {"days": 90, "max_size": 1, "clock": time.monotonic}
    one = Ledger(
        connecting(server), name=str(server), wall=lambda: NOON / 1_000, **chosen | options
    )
    one.count = lambda result, number: counts.update({result: number})
    try:
        yield one, counts
    finally:
        one.close(DEADLINE)


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def _varied(count: int) -> list[Record]:
    """Return rows of a few sessions, agents, models and labels, many of them alike in cost."""
    chosen = random.Random(17)
    models = ("claude-opus-5", "claude-haiku-5", "claude-sonnet-5")
    return [
        record(
            *(attempt(chosen.choice(models), input=number, cost=7) for _ in range(number % 7 // 5)),
            started=NOON + chosen.randrange(9 * DAY),
            session=chosen.choice((None, "s1", "s2", "s3", "s4")),
            agent=chosen.choice((None, "a1", "a2", "a3")),
            agent_type=chosen.choice((None, "Explore", "Plan")),
            prompt=f"p{number % 20}",
            model=chosen.choice(models),
            labels=chosen.choice((None, "team=a", "repo=acme/widgets,team=b", "repo=acme/a")),
            failed=number % 2,
            cost=chosen.choice((0, 1_000, 2**40)),
            output=chosen.randrange(10**12),
            context='{"tools":1}',
        )
        for number in range(count)
    ]


def test_reports_are_those_of_a_file_with_the_same_rows(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = _varied(300)
    with _store(server) as shared, ledgers.store(tmp_path / "ledger.sqlite") as file:
        for opened, summed in ((shared, 70), (file, 90)):
            for start in range(0, len(rows), 110):
                write(opened, rows[start : start + 110])
                with summing_up(summed):
                    assert opened.sum_up()
    monkeypatch.setenv("ANTHROPIC_PROXY_STATE_DIR", str(tmp_path))

    def reports() -> Iterator[Any]:
        for by in ("day", "hour", "session", "agent", "model", "label"):
            more = ("--label", "team") if by == "label" else ()
            for since in ("2026-01-01", "2026-09-25"):
                for form in ("--json", "--csv"):
                    assert main(["report", form, "--by", by, "--since", since, *more]) == 0
                    yield by, since, capsys.readouterr().out

    expected = list(reports())
    monkeypatch.setenv("ANTHROPIC_PROXY_LEDGER_URL", server.url)
    assert list(reports()) == expected
    assert sum(one["requests"] for one in json.loads(expected[0][2])) == 300


async def _documents(place: Path | Server) -> list[str]:
    """Return the documents of a ledger."""
    transport = httpx.ASGITransport(Starlette(routes=pages.routes(place)))
    found: list[str] = []
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in (
            *(f"sessions?limit=2&sort={sort}" for sort in ("last", "cost", "requests")),
            "sessions/s1",
            "sessions/none%00",
            *(f"sessions/s{n}/prompts?limit=7" for n in range(1, 5)),
            *(f"sessions/s{n}/requests?limit=50" for n in range(1, 5)),
            "sessions/s1/requests?prompt=p3&agent=a1",
            "days?limit=4",
        ):
            following: str | None = ""
            while following is not None:
                separator = "&" if "?" in path else "?"
                more = f"{separator}before={following}" if following else ""
                answer = await client.get(f"/ledger/{path}{more}")
                assert answer.status_code in {200, 400, 404}, answer.text
                found.append(f"{path}{more} {answer.text}")
                following = answer.json().get("next")
    return found


async def test_the_pages_say_the_same_of_a_file_with_the_same_rows(
    server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "ledger.sqlite"
    rows = _varied(300)
    with _store(server) as shared, ledgers.store(path) as file:
        write(shared, rows)
        write(file, rows)
    expected = await _documents(path)
    assert len(expected) > 25
    assert await _documents(server) == expected
    budgets = parse("day:30,session:5,label.team=a:40")
    sums = []
    for place in (path, server):
        with reading(place) as reader:
            sums.append(read_sums(reader, budgets, NOON / 1_000 + 3 * 86_400, 0.0))
    assert sums[0] == sums[1]
    assert len(sums[0]) == 2 + 4


def test_replicas_share_a_ledger_over_a_restart_of_the_server(
    postgresql: Cluster, server: Server
) -> None:
    count, halfway = 1_500, threading.Barrier(3)

    def replica(number: int, one: Ledger) -> None:
        for sent in range(count):
            if sent == count // 2:
                halfway.wait(DEADLINE)
            one.put(record(session=f"s{sent % 7}", prompt=f"p{number}-{sent}", input=sent, cost=1))
            time.sleep(0.0005)

    with _ledger(server) as (one, first), _ledger(server) as (other, second):
        threads = [
            threading.Thread(target=replica, args=(number, each))
            for number, each in enumerate((one, other))
        ]
        for thread in threads:
            thread.start()
        halfway.wait(DEADLINE)
        postgresql.control("restart", "-m", "immediate")
        for thread in threads:
            thread.join(DEADLINE)
        _until(lambda: first["written"] == second["written"] == count)
    assert first == second == {"written": count}
    sent = [(2 * count, 2 * sum(range(count)), 2 * count)]
    for table in ("sessions", "quarters"):
        assert ask(server, f"SELECT sum(requests), sum(input), sum(cost) FROM {table}") == sent
    assert ask(server, "SELECT count(*), sum(input), sum(cost) FROM exchanges") == sent
    assert ask(server, "SELECT count(DISTINCT prompt) FROM exchanges") == [(2 * count,)]


@pytest.mark.parametrize("cut", ["before the commit", "after the commit", "after its answer"])
def test_a_commit_whose_answer_was_lost_is_not_repeated(
    postgresql: Cluster, server: Server, cut: Cut
) -> None:
    database = server.url.rpartition("/")[2]
    with _store(server), cutting(postgresql.port) as between:
        through = Server(postgresql.url(database, port=between.port))
        with _ledger(through) as (one, counts):
            for number in range(1, 6):
                if number % 2 == 0:
                    _until(lambda: not between.cuts)
                    between.cuts.append(cut)
                one.put(record(input=number))
                _until(lambda number=number: counts["written"] == number)  # type: ignore[misc]
    assert between.cuts == []
    assert counts == {"written": 5}
    assert ask(server, "SELECT count(*), sum(input) FROM exchanges") == [(5, 15)]
    assert ask(server, "SELECT requests, input FROM sessions") == [(5, 15)]
    assert ask(server, "SELECT requests, input FROM quarters") == [(5, 15)]


def test_processes_that_start_together_make_the_tables_once(server: Server) -> None:
    opened: list[PostgresStore] = []
    ready = threading.Barrier(8)

    def start() -> None:
        ready.wait(DEADLINE)
        with _store(server) as one:
            write(one, [record()], 1)
            opened.append(one)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert len(opened) == 8
    assert ask(server, "SELECT version FROM ledger") == [(schema.VERSION,)]
    assert ask(server, "SELECT requests FROM sessions") == [(8,)]


def test_a_ledger_of_the_first_version_is_brought_up_to_date(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as old:
        old.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        old.setattr(schema, "VERSION", 1)
        Writer(server).open().close()
        assert ask(server, "SELECT version FROM ledger") == [(1,)]
    with pytest.raises(UnusableLedger, match="older"), reading(server):
        pass
    with _store(server) as opened:
        write(opened, [record(cache_verdict="hit")])
    assert ask(server, "SELECT cache_verdict FROM requests") == [("hit",)]


def test_a_newer_ledger_is_left_alone_and_rows_wait(server: Server) -> None:
    Writer(server).open().close()
    ask(server, f"UPDATE ledger SET version = {schema.VERSION + 1}")
    with capture_logs() as logged, _ledger(server, capacity=2) as (one, counts):
        for _ in range(3):
            one.put(record())
        _until(lambda: any("newer version" in line.get("reason", "") for line in logged))
        assert (one.waiting, counts) == (2, {"dropped": 1})
        ask(server, f"UPDATE ledger SET version = {schema.VERSION}")
        _until(lambda: counts["written"] == 2)
    ask(server, f"UPDATE ledger SET version = {schema.VERSION + 1}")
    with pytest.raises(UnusableLedger, match="newer"), reading(server):
        pass


def test_a_schema_of_another_program_is_left_alone(server: Server) -> None:
    ask(server, "CREATE SCHEMA anthropic_proxy")
    ask(server, "CREATE TABLE ledger (note TEXT)")
    with pytest.raises(Unavailable, match="another program"):
        Writer(server).open()
    assert ask(server, "SELECT * FROM pg_tables WHERE schemaname = 'anthropic_proxy'")[1:] == []


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM ledger",
        "INSERT INTO ledger VALUES (3)",
        "UPDATE ledger SET version = -1",
        "ALTER TABLE ledger ALTER version TYPE text",
        "ALTER TABLE ledger ALTER version DROP NOT NULL; UPDATE ledger SET version = NULL",
        "ALTER TABLE ledger RENAME version TO note",
    ],
)
def test_tables_that_say_no_version_are_reported_and_left_alone(
    server: Server, damage: str
) -> None:
    Writer(server).open().close()
    for statement in damage.split("; "):
        ask(server, statement)
    before = ask(server, "SELECT * FROM ledger")
    with pytest.raises(Unavailable, match=r"damaged: rename it \(ALTER SCHEMA\)"):
        Writer(server).open()
    with pytest.raises(UnusableLedger, match="damaged"), reading(server):
        pass
    assert ask(server, "SELECT * FROM ledger") == before


@pytest.mark.parametrize(
    "change",
    [
        "DROP SCHEMA anthropic_proxy CASCADE",
        "ALTER SCHEMA anthropic_proxy RENAME TO earlier",
        "TRUNCATE exchanges, billed, names, sessions, quarters, writers RESTART IDENTITY",
    ],
)
def test_names_are_right_in_tables_that_took_the_place_of_others(
    server: Server, change: str
) -> None:
    with _ledger(server) as (one, first), _ledger(server) as (other, second):
        one.put(record(session="a", prompt="a1"))
        _until(lambda: first["written"] == 1)
        other.put(record(session="b", prompt="b1"))
        _until(lambda: second["written"] == 1)
        ask(server, change)
        other.put(record(session="b", prompt="b2"))
        _until(lambda: second["written"] == 2)
        one.put(record(session="a", prompt="a2"))
        _until(lambda: first["written"] == 2)
    found = ask(server, "SELECT session, prompt, model FROM requests ORDER BY id")
    assert found == [("b", "b2", "claude-opus-5"), ("a", "a2", "claude-opus-5")]
    named = "SELECT name, requests FROM sessions JOIN names ON names.id = session ORDER BY name"
    assert ask(server, named) == [("a", 1), ("b", 1)]


def test_names_are_right_when_the_server_has_lost_the_last_batches(server: Server) -> None:
    lost = (
        "DELETE FROM exchanges WHERE id > 1",
        "DELETE FROM names WHERE name IN ('second', 's2')",
        "UPDATE writers SET batch = 1",  # as a server has it that took over without them
    )
    with _store(server) as opened:
        write(opened, [record(prompt="first", session="s1")], 1)
        write(opened, [record(prompt="second", session="s2")], 2)
        for statement in lost:
            ask(server, statement)
        write(opened, [record(prompt="second", session="s2")], 3)
    found = ask(server, "SELECT session, prompt FROM requests ORDER BY id")
    assert found == [("s1", "first"), ("s2", "second")]


@pytest.mark.parametrize(
    "setting",
    [
        "default_transaction_isolation = 'serializable'",
        "default_transaction_isolation = 'repeatable read'",
        "lock_timeout = '1ms'",
        "statement_timeout = '30ms'",
        "timezone = 'Asia/Kathmandu'",
        "datestyle = 'German, DMY'",
        "extra_float_digits = -15",
    ],
)
def test_defaults_of_the_database_change_nothing(server: Server, setting: str) -> None:
    database = server.url.rpartition("/")[2]
    ask(server, f"ALTER DATABASE {database} SET {setting}")
    stores = [Writer(server).open() for _ in range(4)]

    def fill(number: int) -> None:
        with closing(stores[number]) as one:
            for batch in range(1, 16):
                write(one, [record(prompt=f"{number}-{batch}", started=NOON + batch)], batch)

    with ThreadPoolExecutor(len(stores)) as pool:
        list(pool.map(fill, range(len(stores))))
    with reading(server) as reader:
        assert reader.rows("SELECT count(DISTINCT prompt), sum(cost) FROM exchanges") == [
            (60, 60_000)
        ]
    with _store(server) as opened:
        assert abs(opened.now(time.time() + 9) - time.time()) < DEADLINE


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JP", "SQL_ASCII"])
async def test_a_database_of_any_encoding_keeps_any_text(
    postgresql: Cluster, encoding: str
) -> None:
    server = postgresql.create(f"ENCODING '{encoding}' TEMPLATE template0")
    names = ["caf\N{LATIN SMALL LETTER E WITH ACUTE}", "\N{SNOWMAN}", "\N{COMET}", "\x81\x8d"]
    with capture_logs(), _ledger(server) as (one, counts):
        for name in names:
            one.put(record(session=name, prompt="nul\0", context=name))
        _until(lambda: counts.total() == len(names))
    assert counts == {"written": len(names)}
    assert ask(server, "SELECT count(DISTINCT session) FROM exchanges") == [(len(names),)]
    with reading(server) as reader:
        for name in names:
            assert reader.rows("SELECT id FROM names WHERE name = ?", name), name
    transport = httpx.ASGITransport(Starlette(routes=pages.routes(server)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        found = [await client.get(f"/ledger/sessions/{name}") for name in (names[1], "\u2620")]
    assert [answer.status_code for answer in found] == [200, 404]


def test_the_schema_may_be_made_by_somebody_else(postgresql: Cluster, server: Server) -> None:
    ask(server, f"CREATE ROLE weak LOGIN PASSWORD '{PASSWORD}'")
    database = server.url.rpartition("/")[2]
    weak = Server(f"postgresql://weak:{PASSWORD}@127.0.0.1:{postgresql.port}/{database}")
    with pytest.raises(Unavailable, match=r"permission denied .*GRANT CREATE ON DATABASE"):
        Writer(weak).open()
    ask(server, "CREATE SCHEMA anthropic_proxy AUTHORIZATION weak")
    with _store(weak) as opened:
        write(opened, [record()])
    ask(server, "DROP OWNED BY weak; DROP ROLE weak")


def test_what_keeps_a_user_from_writing_is_found_without_writing(
    postgresql: Cluster, server: Server
) -> None:
    database = server.url.rpartition("/")[2]
    ask(server, f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
    guest = Server(f"postgresql://guest:{PASSWORD}@127.0.0.1:{postgresql.port}/{database}")

    def wrong(place: Server) -> str:
        with pytest.raises(UnusableLedger) as caught:
            examine(place)
        return str(caught.value)

    assert "no tables yet" in examine(server)
    assert "GRANT CREATE ON DATABASE" in wrong(guest)
    ask(server, "CREATE SCHEMA anthropic_proxy")
    assert "must own the schema" in wrong(guest)
    ask(server, f"GRANT CREATE ON DATABASE {database} TO guest; DROP SCHEMA anthropic_proxy")
    assert "no tables yet" in examine(guest)
    ask(server, "CREATE SCHEMA anthropic_proxy; CREATE VIEW anthropic_proxy.names AS SELECT 1")
    assert "another program's" in wrong(server)
    ask(server, "DROP SCHEMA anthropic_proxy CASCADE")
    Writer(server).open().close()
    assert "can be written" in examine(server)
    assert "must own the schema" in wrong(guest)
    ask(server, f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    assert "target_session_attrs=read-write" in wrong(server)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(f"ALTER DATABASE {database} RESET ALL".encode())
        connection.execute("UPDATE anthropic_proxy.ledger SET version = version + 1")
    assert "newer version" in wrong(server)
    ask(server, "DELETE FROM ledger")
    assert "damaged" in wrong(server)
    assert "authentication failed" in wrong(Server(server.url.replace(USER, "nobody", 1)))
    ask(server, "DROP OWNED BY guest; DROP ROLE guest")


def test_a_password_is_hidden_and_its_letters_are_no_part_of_other_words() -> None:
    said = psycopg.OperationalError("connection\n  timeout expired for fake-secret")
    assert reason(said, Server("postgresql://u:fake-secret@h/d")) == (
        "connection timeout expired for (hidden)"
    )
    assert "timeout expired" in reason(said, Server("postgresql://u:x@h/d"))


@pytest.mark.parametrize(
    ("parameters", "file", "mode"),
    [
        ("sslrootcert=system", True, "verify-full"),
        ("sslrootcert=system&sslmode=verify-full", True, "verify-full"),
        ("sslrootcert=system&sslmode=require", True, "require"),  # which libpq refuses
        ("sslmode=require", False, "require"),
        ("", False, None),
    ],
)
def test_the_systems_certificates_are_found(
    monkeypatch: pytest.MonkeyPatch, parameters: str, *, file: bool, mode: str | None
) -> None:
    roots = ssl.get_default_verify_paths()._replace(cafile="/etc/fake/roots.crt")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: roots)
    chosen = options(Server(f"postgresql://host/db?{parameters}"))
    assert chosen.get("sslmode") == mode
    assert (chosen.get("sslrootcert") == roots.cafile) is file


def test_rows_wait_for_a_server_that_is_slow(server: Server) -> None:
    Writer(server).open().close()
    with _ledger(server) as (one, counts):
        with psycopg.connect(server.url) as other:
            other.execute(f"SELECT pg_advisory_xact_lock({schema.APPLICATION_ID})".encode())
            for _ in range(20):
                one.put(record())
            _until(lambda: ask(server, "SELECT 1 FROM pg_locks WHERE NOT granted") == [(1,)])
            assert (one.waiting, counts) == (20, {})
        _until(lambda: counts["written"] == 20)


@pytest.mark.parametrize(
    "wrong", ["password", "host", "port", "database", "user"], ids=lambda wrong: f"wrong {wrong}"
)
def test_a_server_that_refuses_is_a_warning_without_the_password(
    postgresql: Cluster, wrong: str
) -> None:
    parts = {"user": USER, "password": PASSWORD, "host": "127.0.0.1", "database": "postgres"}
    parts["port"] = str(postgresql.port)
    parts[wrong] = {"port": "1", "host": "nowhere.invalid"}.get(wrong, "fake-wrong-0000")
    url = "postgresql://{user}:{password}@{host}:{port}/{database}".format(**parts)
    with capture_logs() as logged, _ledger(Server(url)) as (one, counts):
        one.put(record())
        _until(lambda: bool(logged))
        assert (one.waiting, counts) == (1, {})
    assert counts == {"dropped": 1}
    assert logged[0]["reason"]
    assert parts["password"] not in str(logged)
    with pytest.raises(UnusableLedger) as caught, reading(Server(url)):
        pass
    assert parts["password"] not in str(caught.value)


def test_rows_are_written_once_the_password_is_right(postgresql: Cluster, server: Server) -> None:
    database = server.url.rpartition("/")[2]
    ask(server, "CREATE ROLE late LOGIN SUPERUSER")
    late = Server(f"postgresql://late:{PASSWORD}@127.0.0.1:{postgresql.port}/{database}")
    with _ledger(late) as (one, counts):
        one.put(record())
        ask(server, f"ALTER ROLE late PASSWORD '{PASSWORD}'")
        _until(lambda: counts["written"] == 1)


def test_any_text_and_number_is_kept_or_costs_its_own_row_only(server: Server) -> None:
    with capture_logs(), _ledger(server) as (one, counts):
        one.put(record(prompt="nul\0", request_id="\0\udc80\x1b"))
        one.put(record(prompt="long" * 5_000, labels="\N{SNOWMAN}" * 5_000, context="x" * 9_000))
        one.put(record(cost=2**63))
        one.put(record(prompt="'; DROP TABLE exchanges; --", model="%s $1 ? {}"))
        _until(lambda: counts.total() == 4)
    assert counts == {"written": 3, "dropped": 1}
    prompts = [prompt for (prompt,) in ask(server, "SELECT prompt FROM requests ORDER BY id")]
    assert prompts == ["nul\N{REPLACEMENT CHARACTER}", "long" * 500, "'; DROP TABLE exchanges; --"]
    with reading(server) as reader:
        assert reader.rows("SELECT id FROM names WHERE name = ?", "nul\0")
        assert reader.rows("SELECT length(context) FROM exchanges WHERE id = ?", 2) == [(9_000,)]


def test_old_rows_go_and_only_once(server: Server) -> None:
    with _store(server) as one, _store(server) as other:
        write(one, [record(prompt=f"old{n}", started=NOON - 9 * DAY) for n in range(1_500)])
        write(one, [record(attempt("claude-opus-5"), attempt("old"), started=NOON - 8 * DAY)])
        write(other, [record()])
        removed: list[int] = []
        threads = [
            threading.Thread(
                target=lambda each=each: removed.extend(
                    each.remove_before(NOON - 5 * DAY) for _ in range(3)
                )
            )
            for each in (one, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        assert sum(removed) == 1_501
        assert one.remove_excess(0) == 0
        other.tidy()
        write(one, [record(prompt="old1")])
    found = ask(server, "SELECT id, prompt FROM requests ORDER BY id")
    assert found == [(1_502, None), (1_503, "old1")]
    assert ask(server, "SELECT count(*) FROM billed") == [(0,)]
    assert ask(server, "SELECT requests FROM quarters") == [(2,)]


def test_a_clock_that_is_ahead_makes_no_row_old(server: Server) -> None:
    with _store(server) as opened:
        now = time.time()
        assert opened.now(now - 5_000) == now - 5_000
        assert opened.now(now + 10**9) < now + 10**6


def test_when_all_rows_are_gone_nothing_is_left(server: Server) -> None:
    with _store(server) as opened:
        write(opened, [record(), record(session="another")])
        assert opened.oldest == NOON
        assert opened.remove_before(NOON + QUARTER) == 2
        opened.tidy()
        assert opened.oldest is None
    for table in TABLES:
        assert ask(server, f"SELECT count(*) FROM {table}") == [(0,)], table


def test_a_process_that_hangs_in_its_transaction_stops_no_other(server: Server) -> None:
    def hang(one: PostgresStore, other: PostgresStore) -> None:
        with one._transaction():
            one._all("SELECT set_config('idle_in_transaction_session_timeout', '100', true)")
            write(other, [record()])
            one._all("SELECT 1")

    with _store(server) as one, _store(server) as other:
        with pytest.raises(Unavailable):
            hang(one, other)
        assert not one.usable
    assert ask(server, "SELECT count(*) FROM exchanges") == [(1,)]


def test_a_query_changes_nothing_and_ends_in_time(server: Server) -> None:
    with pytest.raises(NoLedger), reading(server):
        pass
    with _store(server) as opened:
        write(opened, [record()])
    with pytest.raises(UnusableLedger, match="read-only"), reading(server) as reader:
        reader.rows("DELETE FROM exchanges RETURNING id")
    with pytest.raises(TooSlow), reading(server, seconds=0.05) as reader:
        reader.rows("SELECT pg_sleep(60)")
    with reading(server) as reader:
        assert reader.rows("SELECT prompt FROM exchanges WHERE id IN ()") == []
        assert reader.rows("SELECT sum(cost), avg(cost) FROM exchanges") == [(1_000, 1_000.0)]


def test_a_server_that_falls_silent_holds_up_nobody(
    postgresql: Cluster, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its kernel, or a pooler before it, still answers; so the connection never ends by itself."""
    monkeypatch.setattr(import_module("app.ledger.postgres.reading"), "MARGIN", 0.1)
    monkeypatch.setattr(import_module("app.ledger.postgres.store"), "PATIENCE", 0.2)
    with _store(server), cutting(postgresql.port) as between:
        through = Server(postgresql.url(server.url.rpartition("/")[2], port=between.port))
        with capture_logs() as logged, _ledger(through) as (one, counts):
            between.hangs_at = b"INSERT INTO exchanges"
            one.put(record())
            _until(lambda: bool(logged))
            assert "has not answered for 0.2 s" in logged[0]["reason"]
            between.hangs_at = None
            _until(lambda: counts["written"] == 1)
        between.hangs_at = b"SELECT count"
        with (
            pytest.raises(UnusableLedger, match="has not answered"),
            reading(through, seconds=0.1) as reader,
        ):
            reader.rows("SELECT count(*) FROM exchanges")
    assert ask(server, "SELECT count(*) FROM exchanges") == [(1,)]


async def test_replicas_that_serve_share_one_ledger(
    postgresql: Cluster,
    server: Server,
    upstream: Simulator,
    certificate: Certificate,
    tmp_path: Path,
) -> None:
    shared: dict[str, Any] = {"ledger_url": SecretStr(server.url)}
    Writer(server).open().close()

    def counted() -> int:
        found = ask(server, "SELECT count(*) FROM exchanges")
        return int(found[0][0])

    async with (
        proxying(upstream.url, certificate, state_dir=tmp_path / "a", **shared) as one,
        proxying(upstream.url, certificate, state_dir=tmp_path / "b", **shared) as other,
        one.client() as first,
        other.client() as second,
    ):
        headers = {"x-claude-code-session-id": "session-1"}
        for sent in range(1, 5):
            if sent == 3:
                postgresql.control("restart", "-m", "immediate")
            for client in (first, second):
                answer = await client.post("/v1/messages", json=MESSAGE, headers=headers)
                assert answer.status_code == 200
            await one.ended(sent)
            await other.ended(sent)
        await until(lambda: counted() == 8)
        async with httpx.AsyncClient(base_url=other.pages_url) as client:
            session = (await client.get("/ledger/sessions/session-1")).json()
            ready = await client.get("/ready")
            prometheus = (await client.get("/prometheus")).text
    assert (session["requests"], ready.status_code) == (8, 200)
    assert PASSWORD not in prometheus
    for name in "ab":
        assert not ledger_file(tmp_path / name).exists()
