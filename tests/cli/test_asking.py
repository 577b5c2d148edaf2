"""``health`` and ``metrics`` ask a running proxy; hints name commands that can be run."""

import json
import sys
from pathlib import Path

import pytest

from app.certificates import Certificate
from app.cli import hints
from app.settings import PREFIX
from tests.cli.place import LOOPBACK, Banner, Place
from tests.processes import DEADLINE, Process


@pytest.mark.parametrize("page", ["health", "metrics"])
def test_a_running_proxy_is_asked_at_the_port_of_the_env_file(place: Place, page: str) -> None:
    with place.start(**LOOPBACK, PAGES_TOKEN="fake") as process:
        port = Banner.read(process).pages.rpartition(":")[2].removesuffix("/dashboard")
        (place.directory / ".env").write_text(
            f"{PREFIX}DASHBOARD_PORT={port}\n{PREFIX}HOST=127.0.0.1\n{PREFIX}PAGES_TOKEN=fake\n"
        )
        asked = place.run(page)
        assert (asked.returncode, asked.stderr) == (0, "")
        assert json.loads(asked.stdout)
        process.terminate()
        process.wait(DEADLINE)
    asked = place.run(page)
    assert (asked.returncode, asked.stdout) == (1, "")
    assert f"http://127.0.0.1:{port}/{page}" in asked.stderr


def test_a_page_that_wants_another_token_is_a_failure(place: Place) -> None:
    with place.start(**LOOPBACK, PAGES_TOKEN="fake") as process:
        port = Banner.read(process).pages.rpartition(":")[2].removesuffix("/dashboard")
        asked = place.run("metrics", DASHBOARD_PORT=port, HOST="127.0.0.1", PAGES_TOKEN="fake-2")
    assert asked.returncode == 1
    assert "answers 401" in asked.stderr


def test_under_make_the_hints_are_targets(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLED_AS", "make")
    with place.start(**LOOPBACK) as process:
        assert Banner.read(process).launcher.endswith(" make claude")
    ended = place.run("claude", HOST="127.0.0.1", PORT=1)
    assert "start it with `make run`" in ended.stderr


def test_in_a_container_the_start_names_what_its_users_can_reach(
    place: Place, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLED_AS", "container")
    with place.start(**LOOPBACK) as process:
        told = _told(process)
    pages = told[0].removeprefix("  curl -o ca.crt ").removesuffix("/ca.crt")
    assert pages.startswith("http://127.0.0.1:")
    assert told[1].startswith("  export ANTHROPIC_BASE_URL=https://127.0.0.1:")
    assert told[2] == "  export NODE_EXTRA_CA_CERTS=$PWD/ca.crt"
    own = {"TLS_CERT_FILE": certificate.cert_file, "TLS_KEY_FILE": certificate.key_file}
    with place.start(**LOOPBACK, **own) as process:
        assert len(_told(process)) == 1


def _told(process: Process) -> list[str]:
    """Return the last lines of a start in a container: the commands for a user."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Point Claude Code at it"):
            break
    process.terminate()
    return process.stdout.read().splitlines()


def test_a_program_that_only_uv_finds_is_named_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "anthropic-proxy"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.delenv("UV_RUN_RECURSION_DEPTH", raising=False)
    assert hints.command("claude") == "anthropic-proxy claude"
    monkeypatch.setenv("UV_RUN_RECURSION_DEPTH", "1")
    assert hints.command("claude") == f"{program} claude"
