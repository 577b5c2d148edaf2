"""Which files settings are read from: never one that somebody else controls."""

import os
from pathlib import Path

import pytest

from app import settings
from app.certificates import Certificate
from app.failures import SettingsError

NOBODY = 65534


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Start in an empty directory; return the user's configuration directory."""
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def _write(file: Path, text: str, mode: int = 0o600) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return file


def test_a_service_reads_the_users_file_then_the_one_of_its_directory(config: Path) -> None:
    own = _write(config / "anthropic-proxy" / "env", "ANTHROPIC_PROXY_PORT=1\n")
    here = _write(Path(".env"), "ANTHROPIC_PROXY_HOST=127.0.0.2\n")
    assert (settings.load().port, settings.load().host) == (1, "127.0.0.2")
    assert settings.service_files() == (own, here.absolute())
    _write(here, "ANTHROPIC_PROXY_PORT=2\n")
    assert settings.load().port == 2


def test_a_command_for_any_directory_reads_nothing_of_the_directory(config: Path) -> None:
    _write(Path(".env"), "ANTHROPIC_PROXY_PORT=1\nANTHROPIC_PROXY_HOST=evil.example\n")
    assert settings.load_user().port == settings.default("port")
    _write(config / "anthropic-proxy" / "env", "ANTHROPIC_PROXY_PORT=2\n")
    assert (settings.load_user().port, settings.load_user().host) == (2, "0.0.0.0")  # noqa: S104


@pytest.mark.parametrize("name", ["XDG_CONFIG_HOME", "XDG_STATE_HOME"])
def test_a_relative_base_directory_is_ignored(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "here")
    _write(Path("here/anthropic-proxy/env"), "ANTHROPIC_PROXY_PORT=1\n")
    assert settings.load_user().port == settings.default("port")
    assert settings.load_user().state_dir.is_absolute()


@pytest.mark.parametrize("name", ["STATE_DIR", "TLS_CERT_FILE", "UPSTREAM_CA_FILE"])
def test_a_command_for_any_directory_takes_absolute_paths_only(
    name: str, monkeypatch: pytest.MonkeyPatch, certificate: Certificate
) -> None:
    Path("x").write_bytes(certificate.cert_file.read_bytes())
    monkeypatch.setenv(f"ANTHROPIC_PROXY_{name}", "x")
    if name == "TLS_CERT_FILE":
        monkeypatch.setenv("ANTHROPIC_PROXY_TLS_KEY_FILE", str(Path("x").absolute()))
    with pytest.raises(SettingsError, match=f"^ANTHROPIC_PROXY_{name}=x: must be an absolute path"):
        settings.load_user()


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o664])
def test_a_file_that_others_can_write_is_refused(mode: int) -> None:
    file = _write(Path(".env"), "ANTHROPIC_PROXY_PORT=1\n", mode)
    with pytest.raises(
        SettingsError, match=f"can be written by others.*chmod go-w {file.absolute()}"
    ):
        settings.load()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_file_of_another_user_is_refused() -> None:
    os.chown(_write(Path(".env"), "ANTHROPIC_PROXY_PORT=1\n"), NOBODY, NOBODY)
    with pytest.raises(SettingsError, match=r"belongs to another user \(uid 65534\)"):
        settings.load()


def test_a_link_is_judged_by_what_it_leads_to(tmp_path: Path) -> None:
    target = _write(tmp_path / "shared", "ANTHROPIC_PROXY_PORT=1\n", 0o666)
    Path(".env").symlink_to(target)
    with pytest.raises(SettingsError, match="can be written by others"):
        settings.load()


def test_a_file_is_read_where_only_its_owner_writes() -> None:
    _write(Path(".env"), "ANTHROPIC_PROXY_PORT=1\n", 0o644)
    assert settings.load().port == 1


@pytest.mark.parametrize(
    "broken",
    [
        "ANTHROPIC_PROXY_SCRUB_MODE pseudonymize",
        "ANTHROPIC_PROXY_SCRUB_MODE: pseudonymize",
        "ANTHROPIC_PROXY_SCRUB_MODE",
        "export ANTHROPIC_PROXY_SCRUB_MODE",
        'ANTHROPIC_PROXY_SCRUB_MODE="pseudonymize',
        'ANTHROPIC_PROXY_SCRUB_MODE="pseudonymize" on',
        "ANTHROPIC_PROXY_SCRUB _MODE=pseudonymize",
    ],
)
def test_a_line_that_sets_nothing_stops_the_start(
    broken: str, config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here = _write(Path(".env"), f"# first\nANTHROPIC_PROXY_PORT=1\n\n{broken}\n")
    with pytest.raises(SettingsError) as caught:
        settings.load()
    assert str(caught.value) == f"{here.absolute()}, line 4: must be NAME=value"
    assert settings.given("port") == "1"
    here.unlink()
    _write(config / "anthropic-proxy" / "env", broken)
    with pytest.raises(SettingsError, match="line 1: must be NAME=value"):
        settings.load_user()
    assert settings.given("log_format") == ""  # read before the settings are
    assert caplog.text == ""  # dotenv would warn once for each time it reads


def test_comments_empty_values_and_names_of_others_are_fine() -> None:
    _write(Path(".env"), "\ufeff# x\n\nOTHER\nANTHROPIC_PROXY_PORT=\nexport A='b'  # c\n\r\n")
    assert settings.load().port == settings.default("port")
