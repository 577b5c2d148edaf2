"""``check`` and ``certificate``: the settings and the certificate, without a start."""

import hashlib
import re
import sqlite3
import ssl
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from app import certificates
from app.certificates import Certificate
from app.ledger.sqlite import open_store
from app.settings import PREFIX, Settings, variable
from tests.cli.place import LOOPBACK, Place
from tests.self_signed import DAY, self_signed


def test_check_prints_every_setting_and_no_secret(place: Place) -> None:
    (place.directory / ".env").write_text(f"{PREFIX}PORT=9443\n{PREFIX}PAGES_TOKEN=fake-pages\n")
    ended = place.run("check", ACCESS_TOKEN="fake-access", SCRUB_HMAC_KEY="0f" * 32, PROT=1)
    assert ended.returncode == 0
    shown = dict(line.split("=", 1) for line in ended.stdout.splitlines())
    assert list(shown) == [variable(name) for name in Settings.model_fields]
    assert shown[PREFIX + "PORT"] == "9443"
    for name in ("PAGES_TOKEN", "ACCESS_TOKEN", "SCRUB_HMAC_KEY"):
        assert shown[PREFIX + name] == "********"
    assert f"{PREFIX}PROT is not a setting" in ended.stderr
    for secret in ("fake-access", "fake-pages", "0f0f"):
        assert secret not in ended.stdout + ended.stderr


def test_certificate_makes_it_and_shows_what_clients_check(place: Place) -> None:
    ended = place.run("certificate", TLS_NAMES="proxy.team.example,192.0.2.7")
    assert (ended.returncode, ended.stderr) == (0, "")
    shown = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in ended.stdout.splitlines())
    assert {"localhost", "proxy.team.example", "192.0.2.7"} <= set(shown["names"].split(", "))
    ca = ssl.PEM_cert_to_DER_cert(Path(shown["CA"]).read_text(encoding="utf-8"))
    assert shown["SHA-256"].replace(":", "").lower() == hashlib.sha256(ca).hexdigest()
    assert place.run("certificate", TLS_NAMES="proxy.team.example,192.0.2.7").stdout == ended.stdout


def test_check_says_what_is_wrong_with_the_certificate(
    place: Place, certificate: Certificate
) -> None:
    other = certificates.ensure(place.path / "other", ("localhost",))
    ended = place.run("check", TLS_CERT_FILE=certificate.cert_file, TLS_KEY_FILE=other.key_file)
    assert ended.returncode == 2
    assert f"{PREFIX}TLS_CERT_FILE, {PREFIX}TLS_KEY_FILE: " in ended.stderr


@pytest.mark.parametrize(
    ("start", "end", "code", "said"),
    [
        (-2 * DAY, -DAY, 2, "has expired"),
        (DAY, 90 * DAY, 2, "is not valid before"),
        (-DAY, 5 * DAY + DAY / 2, 0, "expires in 5 days"),
        (-DAY, 90 * DAY, 0, ""),
    ],
)
def test_check_refuses_a_certificate_that_every_client_would_refuse(
    place: Place, start: timedelta, end: timedelta, code: int, said: str
) -> None:
    cert_file, key_file = self_signed(place.path, start=start, end=end)
    ended = place.run("check", TLS_CERT_FILE=cert_file, TLS_KEY_FILE=key_file)
    assert (ended.returncode, said in ended.stderr) == (code, True)
    assert bool(ended.stderr) == bool(said)
    if code:
        assert ended.stderr.startswith(f"{PREFIX}TLS_CERT_FILE: {cert_file} ")


def test_check_writes_nothing(place: Place) -> None:
    assert place.run("check").returncode == 0
    assert place.files() == set()


def test_check_warns_of_a_ledger_that_would_be_set_aside(place: Place) -> None:
    file = place.directory / "ledger.sqlite"
    place_it = {"STATE_DIR": place.directory}
    with closing(open_store(file)), closing(sqlite3.connect(file)) as ledger:
        assert place.run("check", **place_it).stderr == ""
        ledger.execute("PRAGMA user_version = 99")
        running = place.run("check", **place_it)  # what is new stands in the write-ahead log
        left = {path.name for path in place.directory.iterdir()}
    assert left == {file.name, f"{file.name}-wal", f"{file.name}-shm"}
    stopped = place.run("check", **place_it)
    assert [path.name for path in place.directory.iterdir()] == [file.name]
    for ended in (running, stopped):
        assert ended.returncode == 0
        assert f"{file}: it was written by a newer version of the proxy." in ended.stderr
        assert "ledger.set-aside-TIME.sqlite and begin a new one" in ended.stderr
    assert place.run("check", LEDGER="false", **place_it).stderr == ""
    file.write_text("no database " * 100)
    assert f"{file}: it is damaged." in place.run("check", **place_it).stderr


def test_check_names_a_way_to_upstream_that_leads_back_here(place: Place) -> None:
    ended = place.run("check", PORT=9443, UPSTREAM_BASE_URL="https://127.0.0.1:9443")
    assert ended.returncode == 1
    assert "https://127.0.0.1:9443 is this proxy itself" in ended.stderr
    assert place.run("check", PORT=9443, UPSTREAM_BASE_URL="https://127.0.0.1:9444").returncode == 0


def test_check_names_a_state_directory_that_cannot_be_used(place: Place) -> None:
    file = place.path / "file"
    file.touch()
    ended = place.run("check", STATE_DIR=file / "state")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{PREFIX}STATE_DIR={file / 'state'}: ")


@pytest.mark.parametrize("command", ["check", "serve", "doctor"])
@pytest.mark.parametrize("mode", ["off", "detect"])
@pytest.mark.parametrize(
    ("name", "value"), [("SCRUB_DETECTORS", "+emial"), ("SCRUB_RULES_FILE", __file__)]
)
def test_detectors_and_rules_are_looked_at_whatever_the_mode(
    place: Place, command: str, mode: str, name: str, value: str
) -> None:
    ended = place.run(command, **LOOPBACK | {"SCRUB_MODE": mode, name: value})
    assert ended.returncode == 2
    assert PREFIX + name in ended.stdout + ended.stderr


def test_a_misspelt_setting_of_the_scrubber_is_found_in_an_env_file_too(place: Place) -> None:
    (place.directory / ".env").write_text(f"{PREFIX}SCRUB_MODUS=pseudonymize\n")
    ended = place.run("check")
    assert ended.returncode == 2
    assert f"did you mean {PREFIX}SCRUB_MODE?" in ended.stderr


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_check_names_a_file_of_trusted_certificates_that_cannot_be_read(
    place: Place, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    file = place.path / "trusted.pem"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    ended = place.run("check")
    assert ended.returncode == 1
    assert ended.stderr.startswith("SSL_CERT_FILE or SSL_CERT_DIR: the trusted certificates cannot")
    assert ended.stderr.count("\n") == 1


def test_check_warns_of_an_egress_proxy_that_cannot_be_used(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")
    ended = place.run("check")
    said = "warning: HTTPS_PROXY or ALL_PROXY: socks5 proxies are not supported\n"
    assert (ended.returncode, ended.stderr) == (0, said)
    monkeypatch.setenv("NO_PROXY", "api.anthropic.com")
    assert place.run("check").stderr == ""
