"""Where the ledger is: a file, or the PostgreSQL that a setting names."""

import sys
from pathlib import Path

import pytest

from app import ledger
from app.application import create_app
from app.cli import main
from app.failures import SettingsError
from app.ledger import schema
from app.ledger.file import ledger_file
from app.ledger.places import place_of
from app.ledger.server import Server
from app.settings import effective, load, revealed

SECRET = "fake-secret-0000"
URL = f"postgresql://user:{SECRET}@db.example:5433/ledger?sslmode=verify-full"


def test_without_a_url_it_is_a_file(tmp_path: Path) -> None:
    assert place_of(tmp_path, None) == ledger_file(tmp_path)
    assert place_of(tmp_path, URL) == Server(URL)


def test_what_a_demo_costs_never_reaches_the_database(tmp_path: Path) -> None:
    assert place_of(tmp_path, URL, simulated=True) == ledger_file(tmp_path, simulated=True)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, "postgresql://db.example:5433/ledger"),
        ("postgres://db.example/ledger", "postgresql://db.example/ledger"),
        ("postgresql://", "postgresql://"),
        ("postgresql:///ledger?host=/run/postgresql", "postgresql:///ledger"),
        (f"postgresql://u:{SECRET}%40@[::1],b:5433/x", "postgresql://[::1],b:5433/x"),
        (f"postgresql://u@h/x?password={SECRET}", "postgresql://h/x"),
    ],
)
def test_a_database_is_shown_without_who_uses_it(url: str, shown: str) -> None:
    assert str(Server(url)) == shown
    assert SECRET not in repr(Server(url))


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://user:{SECRET}@host/db",
        f"user:{SECRET}@host/db",
        f"host=db password={SECRET}",
        f"postgresql://user:{SECRET}@{SECRET}@host/db",  # libpq would look for a host of that name
        f"postgresql://user:{SECRET}/{SECRET}@host/db",
        f"postgresql://user:{SECRET}%@host/db",
        f"postgresql://user:{SECRET}%zz@host/db",
        f"postgresql://user:{SECRET}%00@host/db",
        f"postgresql://user@host/db?password=x&{SECRET}",
        f"postgresql://user@host/db?{SECRET}=x",
        f"postgresql://user:{SECRET} {SECRET}@host/db",
        f"postgresql://user:{SECRET}@host/db\nHOME={SECRET}",
        f"postgresql+asyncpg://user:{SECRET}@host/db",
        f'"postgresql://user:{SECRET}@host/db"',
    ],
)
def test_a_url_of_no_use_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    monkeypatch.setenv("ANTHROPIC_PROXY_LEDGER_URL", url)
    monkeypatch.setenv("ANTHROPIC_PROXY_STATE_DIR", str(tmp_path))
    with pytest.raises(SettingsError, match="ANTHROPIC_PROXY_LEDGER_URL") as caught:
        create_app(load())
    assert SECRET not in str(caught.value)


def test_an_unknown_parameter_is_found_by_its_place(tmp_path: Path) -> None:
    url = "postgresql://user@host/db?sslmode=require&pool_size=5"
    with pytest.raises(ValueError, match='parameter 2 after the "\\?" is none of libpq'):
        place_of(tmp_path, url)
    with pytest.raises(ValueError, match="check the host"):
        place_of(tmp_path, "postgresql://user@[::1/db?sslmode=require")


@pytest.mark.parametrize("around", ["{}\n", " {} ", "{}\r\n"])
def test_space_around_the_url_is_no_part_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, around: str
) -> None:
    monkeypatch.setenv("ANTHROPIC_PROXY_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("ANTHROPIC_PROXY_LEDGER_URL", around.format(URL))
    assert revealed(load().ledger_url) == URL


def test_without_the_extra_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in [name for name in sys.modules if name.startswith("app.ledger.postgres")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delattr(ledger, "postgres", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setenv("ANTHROPIC_PROXY_LEDGER_URL", URL)
    monkeypatch.setenv("ANTHROPIC_PROXY_STATE_DIR", str(tmp_path))
    for command in ("report", "check"):
        assert main([command]) != 0
        said = capsys.readouterr()
        assert "pip install 'anthropic-proxy[postgres]'" in said.err + said.out
        assert SECRET not in said.err + said.out


def test_the_url_is_in_no_hash_and_hidden_among_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANTHROPIC_PROXY_STATE_DIR", str(tmp_path))
    plain = load()
    monkeypatch.setenv("ANTHROPIC_PROXY_LEDGER_URL", URL)
    chosen = load()
    assert chosen.fingerprint == plain.fingerprint
    assert effective(chosen)["ANTHROPIC_PROXY_LEDGER_URL"] == "********"
    assert SECRET not in repr(chosen)


def test_the_tables_have_words_that_postgresql_has() -> None:
    statements = [schema.for_postgresql(one) for many in schema.MIGRATIONS for one in many]
    for word in ("AUTOINCREMENT", "WITHOUT ROWID", "strftime", "INTEGER"):
        assert not [one for one in statements if word in one], word
    assert schema.for_postgresql("CREATE TABLE t (a INTEGER, PRIMARY KEY (a)) WITHOUT ROWID") == (
        "CREATE TABLE t (a BIGINT, PRIMARY KEY (a))"
    )
