"""``claude``: Claude Code is started with the way through the proxy."""

import json
import shlex
import signal
import socket
import sys
from pathlib import Path

import pytest

from app.certificates import Certificate
from app.cli.claude import ASKED_FOR
from app.settings import PREFIX
from tests.cli.place import LOOPBACK, Banner, Place
from tests.ports import free_port
from tests.processes import DEADLINE

# A stand-in for Claude Code: notes how it was started, then does what its first argument says.
CLAUDE = f"""#!{sys.executable}
import json, os, signal, sys, time
if sys.argv[1:2] == ["--wait"]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(43))
    print("waiting", flush=True)
    time.sleep({DEADLINE})
print(json.dumps({{"arguments": sys.argv[1:], "environment": dict(os.environ)}}))
sys.exit(int(sys.argv[2]) if sys.argv[1:2] == ["--exit"] else 0)
"""


@pytest.fixture
def claude(place: Place) -> Path:
    """Put a stand-in for ``claude`` on the PATH."""
    script = place.path / "claude"
    script.write_text(CLAUDE)
    script.chmod(0o755)
    return script


def _started(output: str) -> tuple[list[str], dict[str, str]]:
    document = json.loads(output)
    return document["arguments"], document["environment"]


@pytest.mark.usefixtures("claude")
def test_claude_is_started_with_the_way_through_the_proxy(place: Place, served: Banner) -> None:
    before = place.files()
    arguments = ["-p", "two words", "--model", "x", "--", "-y", ""]
    ended = place.run("claude", "--", *arguments, HOST="127.0.0.1", PORT=served.port)
    assert (ended.returncode, ended.stderr) == (0, "")
    given, environment = _started(ended.stdout)
    assert given == arguments
    expected = served.exports | {
        "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
        "CLAUDE_CODE_PROPAGATE_TRACEPARENT": "1",
        "ENABLE_TOOL_SEARCH": "true",
    }
    assert {name: environment.get(name) for name in expected} == expected
    assert "ANTHROPIC_CUSTOM_HEADERS" not in environment
    assert place.files() == before


@pytest.mark.usefixtures("claude")
def test_a_foreign_directory_does_not_decide_where_claude_sends_its_key(
    place: Place, served: Banner, certificate: Certificate
) -> None:
    lines = {
        "HOST": "evil.example",
        "PORT": 1,
        "STATE_DIR": place.directory,
        "UPSTREAM_BASE_URL": "https://evil.example",
        "ACCESS_TOKEN": "fake-evil",
    }
    env = "".join(f"{PREFIX}{name}={value}\n" for name, value in lines.items())
    (place.directory / ".env").write_text(env)
    (place.directory / ".env").chmod(0o600)
    for file, name in ((certificate.cert_file, "server.crt"), (certificate.key_file, "server.key")):
        (place.directory / name).write_bytes(file.read_bytes())
    ended = place.run("claude", HOST="127.0.0.1", PORT=served.port)
    assert (ended.returncode, ended.stderr) == (0, "")
    _, environment = _started(ended.stdout)
    assert {name: environment[name] for name in served.exports} == served.exports
    assert "evil" not in ended.stdout


@pytest.mark.usefixtures("claude")
@pytest.mark.parametrize("own", [True, False])
def test_the_command_that_a_start_prints_reaches_the_proxy_from_anywhere(
    place: Place, certificate: Certificate, tmp_path: Path, own: bool
) -> None:
    if own:
        for file, name in (
            (certificate.cert_file, "server.crt"),
            (certificate.key_file, "server.key"),
        ):
            (place.directory / name).write_bytes(file.read_bytes())
    (place.directory / ".env").write_text(f"{PREFIX}STATE_DIR=kept here\n")
    (place.directory / ".env").chmod(0o600)
    with place.start(**LOOPBACK) as process:
        banner = Banner.read(process)
        words = shlex.split(banner.launcher)
        given = dict(word.split("=", 1) for word in words if word.startswith(PREFIX))
        elsewhere = Place(tmp_path, place.path)
        values = {name.removeprefix(PREFIX): value for name, value in given.items()}
        ended = elsewhere.run("claude", **values)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert _started(ended.stdout)[1]["ANTHROPIC_BASE_URL"] == banner.base
    assert banner.read_files == [str(place.directory / ".env")]


def test_claude_before_the_first_start_says_so(place: Place, tmp_path: Path) -> None:
    ended = place.run("claude", PORT=9, STATE_DIR=tmp_path / "none")
    assert ended.returncode == 1
    assert f"there is no {tmp_path}/none/ca.crt: no proxy has been started" in ended.stderr


@pytest.mark.usefixtures("claude")
def test_claude_keeps_the_rest_of_its_environment(
    place: Place, served: Banner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "fake-key")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-mine: 1")
    ended = place.run("claude", HOST="127.0.0.1", PORT=served.port, ACCESS_TOKEN="fake-token")
    given, environment = _started(ended.stdout)
    assert given == []
    assert environment["ANTHROPIC_API_KEY"] == "fake-key"
    headers = environment["ANTHROPIC_CUSTOM_HEADERS"].splitlines()
    assert headers == ["x-mine: 1", "x-anthropic-proxy-token: fake-token"]


@pytest.mark.usefixtures("claude")
def test_the_user_decides_what_claude_is_asked_for(
    place: Place, served: Banner, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {
        "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "0",
        "CLAUDE_CODE_PROPAGATE_TRACEPARENT": "",
        "ENABLE_TOOL_SEARCH": "auto:5",
    }
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    ended = place.run("claude", HOST="127.0.0.1", PORT=served.port)
    environment = _started(ended.stdout)[1]
    assert {name: environment[name] for name in chosen} == chosen


@pytest.mark.usefixtures("claude")
def test_claude_is_started_through_the_forward_proxy(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, token = free_port(), "fake/token"
    values = {**LOOPBACK, "FORWARD_PORT": port, "ACCESS_TOKEN": token}
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://localhost:8443")
    for name in ("HTTPS_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "api.anthropic.com")
    with place.start(**values, UPSTREAM_BASE_URL="http://127.0.0.1:9") as process:
        Banner.read(process)
        ended = place.run("claude", "--forward", "--", "-p", "x", **values)
        wrong = place.run("claude", "--forward", **values | {"ACCESS_TOKEN": "fake-other"})
    assert (ended.returncode, ended.stderr) == (0, "")
    given, environment = _started(ended.stdout)
    assert given == ["-p", "x"]
    proxy = f"http://anthropic-proxy:fake%2Ftoken@127.0.0.1:{port}"
    assert environment["HTTPS_PROXY"] == environment["https_proxy"] == proxy
    assert environment["NO_PROXY"] == environment["no_proxy"] == "localhost,127.0.0.1,::1"
    assert Path(environment["NODE_EXTRA_CA_CERTS"]).parts[-2:] == ("forward", "ca.crt")
    absent = ("ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS", *ASKED_FOR)
    assert not environment.keys() & set(absent)
    assert (wrong.returncode, "407" in wrong.stderr) == (1, True)
    assert (
        "need the same ANTHROPIC_PROXY_FORWARD_PORT, ANTHROPIC_PROXY_ACCESS_TOKEN" in wrong.stderr
    )
    gone = place.run("claude", "--forward", **values)
    assert "start it with ANTHROPIC_PROXY_FORWARD_PORT=" in gone.stderr


@pytest.mark.usefixtures("claude")
def test_without_a_forward_proxy_claude_says_how_to_get_one(place: Place) -> None:
    off = place.run("claude", "--forward")
    assert (off.returncode, "ANTHROPIC_PROXY_FORWARD_PORT" in off.stderr) == (1, True)
    never = place.run("claude", "--forward", FORWARD_PORT=free_port())
    assert (never.returncode, "no proxy has been started" in never.stderr) == (1, True)


@pytest.mark.usefixtures("claude")
def test_claudes_exit_code_is_the_commands(place: Place, served: Banner) -> None:
    ended = place.run("claude", "--", "--exit", "42", HOST="127.0.0.1", PORT=served.port)
    assert ended.returncode == 42


@pytest.mark.usefixtures("claude")
def test_a_signal_reaches_claude(place: Place, served: Banner) -> None:
    with place.start("claude", "--", "--wait", HOST="127.0.0.1", PORT=served.port) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 43


def test_without_claude_its_installation_is_explained(place: Place, served: Banner) -> None:
    ended = place.run("claude", HOST="127.0.0.1", PORT=served.port)
    assert ended.returncode == 127
    assert "npm install -g @anthropic-ai/claude-code" in ended.stderr


@pytest.mark.usefixtures("claude")
def test_without_a_proxy_its_start_is_explained_and_nothing_is_written(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    ended = place.run("claude", HOST="127.0.0.1", PORT=port)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"https://127.0.0.1:{port}" in ended.stderr
    assert "start it with `anthropic-proxy`" in ended.stderr
    assert f"{PREFIX}PORT" in ended.stderr
    assert place.files() == set()


@pytest.mark.usefixtures("claude")
def test_a_stopped_proxy_is_not_taken_for_a_running_one(place: Place) -> None:
    with place.start(**LOOPBACK) as process:
        port = Banner.read(process).port
        process.terminate()
        process.wait(DEADLINE)
    ended = place.run("claude", HOST="127.0.0.1", PORT=port)
    assert ended.returncode == 1
    assert "does not answer" in ended.stderr
