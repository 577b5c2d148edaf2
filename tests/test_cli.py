"""The command line, as a program of its own: what it prints, starts and ends with."""

import hashlib
import hmac
import json
import re
import shlex
import signal
import socket
import ssl
import sys
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from app import __version__, certificates, cli
from app.certificates import Certificate
from app.cli import client, hints
from app.cli.claude import ASKED_FOR
from app.settings import PREFIX, Settings, variable
from tests.cli.place import LOOPBACK, Banner, Place
from tests.ports import free_port
from tests.processes import DEADLINE
from tests.self_signed import DAY, self_signed

CA = "NODE_EXTRA_CA_CERTS"

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
def place(tmp_path: Path) -> Place:
    return Place.within(tmp_path)


@pytest.fixture
def claude(place: Place) -> Path:
    """Put a stand-in for ``claude`` on the PATH."""
    script = place.path / "claude"
    script.write_text(CLAUDE)
    script.chmod(0o755)
    return script


@pytest.fixture
def served(place: Place) -> Iterator[Banner]:
    """A proxy that runs with the certificate it has made."""
    with place.start(**LOOPBACK) as process:
        yield Banner.read(process)


def _get(url: str, ca_file: str) -> bytes:
    context = ssl.create_default_context(cafile=ca_file)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    with opener.open(url, timeout=DEADLINE) as answer:
        return bytes(answer.read())


def _printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """Return the exit code and what was printed of a command that ends while it is parsed."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    printed = capsys.readouterr()
    return caught.value.code, printed.out + printed.err


COMMANDS = [
    "serve",
    "claude",
    "demo",
    "check",
    "doctor",
    "health",
    "metrics",
    "certificate",
    "scrub",
    "receipts",
    "simulate",
]


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = _printed(["--help"], capsys)
    assert code == 0
    for word in (*COMMANDS, "ANTHROPIC_PROXY_"):
        assert word in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = _printed([command, "--help"], capsys)
    assert code == 0
    assert text.startswith(f"usage: anthropic-proxy {command}")


def test_the_version_is_that_of_the_package(place: Place) -> None:
    assert place.run_python("-m", "app", "--version").stdout == f"anthropic-proxy {__version__}\n"


def test_a_command_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = _printed(["sevre"], capsys)
    assert code == 2
    assert "invalid choice: 'sevre'" in text


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("0.0.0.0", "localhost"),  # noqa: S104 - the default
        ("::", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "[::1]"),
        ("proxy.example", "proxy.example"),
    ],
)
def test_clients_are_told_a_name_that_they_can_connect_to(host: str, named: str) -> None:
    assert client.url_host(host) == named


@pytest.mark.parametrize(
    ("start", "command", "host"),
    [
        (Place.start, [], "127.0.0.1"),
        pytest.param(
            *(Place.start_python, ["-m", "app", "serve"], "0.0.0.0"),  # noqa: S104 - the default
            marks=pytest.mark.slow,
        ),
    ],
    ids=["forked", "python"],
)
def test_a_start_prints_what_points_claude_code_at_it(
    place: Place, start: Any, command: list[str], host: str
) -> None:
    with start(place, *command, **LOOPBACK | {"HOST": host}) as process:
        banner = Banner.read(process)
        assert set(banner.exports) == {"ANTHROPIC_BASE_URL", "NODE_EXTRA_CA_CERTS"}
        assert banner.exports["ANTHROPIC_BASE_URL"] == banner.base
        trusted = banner.exports["NODE_EXTRA_CA_CERTS"]
        assert Path(trusted).is_absolute()
        assert _get(f"{banner.base}/health", trusted) == b'{"status":"ok"}'
        assert _get(banner.pages.replace("/dashboard", "/health"), trusted) == b'{"status":"ok"}'
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0


def test_the_pair_of_the_working_directory_is_served(
    place: Place, certificate: Certificate
) -> None:
    for file, name in ((certificate.cert_file, "server.crt"), (certificate.key_file, "server.key")):
        (place.directory / name).write_bytes(file.read_bytes())
    with place.start(**LOOPBACK) as process:
        banner = Banner.read(process)
        trusted = banner.exports["NODE_EXTRA_CA_CERTS"]
        served = ssl.get_server_certificate(("127.0.0.1", banner.port))
    assert trusted == str(place.directory / "server.crt")
    assert served.strip() in certificate.cert_file.read_text()
    made = {file for file in place.files() if file.endswith((".crt", ".key"))}
    assert made == {"server.crt", "server.key"}


@pytest.mark.parametrize("name", ["PORT", "DASHBOARD_PORT"])
def test_a_taken_port_ends_the_start_with_its_name(place: Place, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"PORT": 0, "DASHBOARD_PORT": 0} | {name: port}
        ended = place.run(HOST="127.0.0.1", **ports)
    assert ended.returncode == 1
    assert ended.stdout == ""
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"{PREFIX}{name}={port}: port {port} on 127.0.0.1 is taken")


def test_no_port_is_bound_when_a_setting_is_bad(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = place.run(HOST="127.0.0.1", PORT=taken.getsockname()[1], LOG_LEVEL="loud")
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"{PREFIX}LOG_LEVEL='loud': ")
    assert "taken" not in ended.stderr
    assert place.files() == set()


def test_unknown_variables_are_warned_about_at_the_start(place: Place) -> None:
    with place.start(**LOOPBACK, PROT=1) as process:
        Banner.read(process)
        warned = place.errors
    assert f"warning: {PREFIX}PROT is not a setting" in warned
    assert f"did you mean {PREFIX}PORT?" in warned


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


@pytest.mark.usefixtures("claude")
def test_without_a_forward_proxy_claude_says_how_to_get_one(place: Place) -> None:
    off = place.run("claude", "--forward")
    assert (off.returncode, "ANTHROPIC_PROXY_FORWARD_PORT" in off.stderr) == (1, True)
    never = place.run("claude", "--forward", FORWARD_PORT=free_port())
    assert (never.returncode, "was never started" in never.stderr) == (1, True)


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


def test_a_simulated_api_says_where_it_is(place: Place) -> None:
    with place.start("simulate", "--port", "0") as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 130


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["--port", "65536"], 2, "--port: '65536' is not a port: 0 to 65535"),
        (["--port=-1"], 2, "--port: '-1' is not a port"),
        (["--port", "http"], 2, "--port: 'http' is not a port"),
        (["--developers", "0"], 2, "--developers: '0' is not a number from 1 to "),
        (["--load", "localhost:8443"], 2, "--load: 'localhost:8443' is not the URL of a proxy"),
        (["--load", "https://proxy:x"], 2, "--load: 'https://proxy:x' is not the URL of a proxy"),
        (["--certificate", "missing.crt"], 1, "--certificate missing.crt: No such file"),
        (["--certificate", "odd.crt"], 1, "--certificate odd.crt: not a PEM certificate"),
        (["--key", "odd.crt"], 2, "--key requires --certificate"),
        (["--load-ca", "odd.crt"], 2, "--load-ca requires --load"),
        (
            ["--load", "https://localhost", "--load-ca", "odd.crt"],
            1,
            "--load-ca odd.crt: not a PEM certificate",
        ),
        (["--host", "203.0.113.1", "--port", "0"], 1, "--host 203.0.113.1 --port 0: "),
    ],
)
def test_a_simulated_api_says_what_is_wrong_with_its_arguments(
    place: Place, arguments: list[str], code: int, complaint: str
) -> None:
    (place.directory / "odd.crt").write_text("no certificate")
    ended = place.run("simulate", *arguments)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert complaint in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_a_simulated_api_never_asks_for_the_password_of_a_key(
    place: Place, certificate: Certificate
) -> None:
    key = serialization.load_pem_private_key(certificate.key_file.read_bytes(), None)
    (place.directory / "locked.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"fake"),
        )
    )
    given = ["--certificate", str(certificate.cert_file), "--key", "locked.key"]
    ended = place.run("simulate", *given)
    assert (ended.returncode, ended.stdout) == (1, "")
    [line] = ended.stderr.splitlines()
    assert "not a PEM certificate with its unencrypted key" in line


def test_a_simulated_api_names_a_taken_port(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = place.run("simulate", "--port", str(port))
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"--host 127.0.0.1 --port {port}: ")
    assert "in use" in line


def test_a_simulated_api_ends_at_a_sigterm(place: Place) -> None:
    with place.start("simulate", "--port", "0") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        assert process.wait(DEADLINE) == 0
    assert place.errors == ""


@pytest.mark.slow
def test_a_demo_says_that_it_is_one_and_ends_without_a_complaint(
    place: Place, certificate: Certificate
) -> None:
    receipts = place.directory / "receipts.jsonl"
    mine = {
        "ACCESS_TOKEN": "fake-token",
        "TLS_CLIENT_CA_FILE": certificate.ca_file,
        "SCRUB_RECEIPTS_FILE": receipts,
        "SCRUB_HMAC_KEY": "0f" * 32,
    }
    with place.start("demo", **LOOPBACK, **mine) as process:
        banner = Banner.read(process)
        assert "all answers are simulated" in banner.text
        assert "Secret scrubber: pseudonymize; values are restored in answers" in banner.text
        document: dict[str, Any] = {}
        while not sum(document.get("scrub", {}).get("matches", {}).values()):
            document = json.loads(_get(f"{banner.base}/metrics", banner.exports[CA]))
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 0
    assert document["instance"]["simulated"] is True
    assert not receipts.exists()
    lines = [json.loads(line) for line in place.errors.splitlines()]
    assert [line for line in lines if line["level"] != "info"] == []
    assert lines[-1]["event"] == "drained"
    assert lines[-1]["cut"] == 0


@pytest.mark.parametrize(
    ("set_here", "placeholder"),
    [
        ({}, "<EMAIL_HMAC:"),
        ({"SCRUB_HMAC_KEY": "0f" * 32}, "<EMAIL_HMAC:"),
        ({"SCRUB_HMAC_KEY": "0f" * 32, "SCRUB_PLACEHOLDER_STYLE": "token"}, "EMAIL-HMAC-"),
    ],
)
def test_scrub_shows_what_the_proxy_would_replace(
    place: Place, set_here: dict[str, str], placeholder: str
) -> None:
    key = bytes.fromhex(set_here.get("SCRUB_HMAC_KEY", ""))
    digits = hmac.new(key, b"ada@example.org", hashlib.sha256).hexdigest()[:8].upper()
    (place.directory / "body.json").write_text(
        '{"messages":[{"role":"user","content":"mail ada@example.org"}]}'
    )
    ended = place.run("scrub", "body.json", **set_here)
    assert ended.returncode == 1
    assert "email" in ended.stdout
    assert f"{placeholder}{digits}" in ended.stdout
    assert ("SCRUB_HMAC_KEY is not set" in ended.stderr) == (not set_here)
    assert "ada@example.org" not in ended.stdout


def test_scrub_of_a_harmless_file_ends_with_0(place: Place) -> None:
    (place.directory / "body.json").write_text("{}")
    ended = place.run("scrub", "body.json")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "nothing found\n")


@pytest.mark.parametrize("name", ["missing.json", ".", "missing/body.json"])
def test_scrub_names_a_file_that_cannot_be_read(place: Place, name: str) -> None:
    ended = place.run("scrub", name)
    assert (ended.returncode, ended.stdout) == (2, "")
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"{name} cannot be read: ")


@pytest.mark.parametrize(
    ("set_here", "shown", "logged"),
    [
        ({}, "Secret scrubber: off.", ("off", 0, False)),
        (
            {"SCRUB_MODE": "detect", "SCRUB_DETECTORS": "email"},
            "Secret scrubber: detect; counts only; 1 detector: email.",
            ("detect", 1, False),
        ),
        (
            {"SCRUB_MODE": "pseudonymize", "SCRUB_HMAC_KEY": "0f" * 32},
            (
                "Secret scrubber: pseudonymize; values are restored in answers; 16 detectors: "
                "anthropic_key,"
            ),
            ("pseudonymize", 16, True),
        ),
        (
            {
                "SCRUB_MODE": "pseudonymize",
                "SCRUB_HMAC_KEY": "0f" * 32,
                "SCRUB_RESTORE": "false",
                "SCRUB_DETECTORS": "-email",
            },
            "Secret scrubber: pseudonymize; values are not restored in answers; 15 detectors: ",
            ("pseudonymize", 15, False),
        ),
    ],
    ids=["off", "detect", "on", "on, not restoring"],
)
def test_a_start_says_how_the_scrubber_is_set_up(
    place: Place, set_here: dict[str, str], shown: str, logged: tuple[str, int, bool]
) -> None:
    with place.start(**LOOPBACK, **set_here) as process:
        banner = Banner.read(process)
        pages = banner.pages.replace("/dashboard", "/metrics")
        with urllib.request.urlopen(pages, timeout=DEADLINE) as answer:  # noqa: S310 - loopback
            scrub = json.load(answer)["scrub"]
    assert shown in " ".join(banner.text.split())
    lines = map(json.loads, place.errors.splitlines())
    started = next(line for line in lines if line["event"] == "started")
    assert started["port"] == banner.port
    for said, prefix in ((started, "scrub_"), (scrub, "")):
        mode, detectors, restore = (
            said[f"{prefix}{name}"] for name in ("mode", "detectors", "restore")
        )
        assert (mode, len(detectors), restore) == logged


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


def test_check_names_a_state_directory_that_cannot_be_used(place: Place) -> None:
    file = place.path / "file"
    file.touch()
    ended = place.run("check", STATE_DIR=file / "state")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{PREFIX}STATE_DIR={file / 'state'}: ")


@pytest.mark.parametrize("mode", ["off", "detect"])
@pytest.mark.parametrize(
    ("name", "value"), [("SCRUB_DETECTORS", "+emial"), ("SCRUB_RULES_FILE", __file__)]
)
def test_check_looks_at_detectors_and_rules_whatever_the_mode(
    place: Place, mode: str, name: str, value: str
) -> None:
    ended = place.run("check", SCRUB_MODE=mode, **{name: value})
    assert ended.returncode == 2
    assert PREFIX + name in ended.stderr


@pytest.mark.parametrize("name", ["SCRUB_MOD", "SCRUB_X", "SRUB_MODE", "scrub_hmackey"])
def test_a_misspelt_setting_of_the_scrubber_stops_the_start(place: Place, name: str) -> None:
    ended = place.run(**LOOPBACK, **{name: "pseudonymize"})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"{PREFIX}{name.upper()} is not a setting")
    assert "pseudonymize" not in ended.stderr


def test_a_misspelt_setting_of_the_scrubber_is_found_in_an_env_file_too(place: Place) -> None:
    (place.directory / ".env").write_text(f"{PREFIX}SCRUB_MODUS=pseudonymize\n")
    ended = place.run("check")
    assert ended.returncode == 2
    assert f"did you mean {PREFIX}SCRUB_MODE?" in ended.stderr


def test_a_log_of_json_has_lines_of_json_only(place: Place) -> None:
    values = {"PORT": 0, "DASHBOARD_PORT": 0, "HOST": "127.0.0.1", "PROT": 1}
    with place.start(LOG_FORMAT="json", **values) as process:
        assert process.stdout is not None
        errors = place.directory / "stderr"
        while "listening" not in errors.read_text():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
        assert process.stdout.read() == ""
    events = {line["event"]: line for line in map(json.loads, errors.read_text().splitlines())}
    assert f"did you mean {PREFIX}PORT?" in events["settings"]["problem"]
    assert events["listening"]["proxy"].startswith("https://127.0.0.1:")
    assert set(events["listening"]["client_environment"]) == {
        "ANTHROPIC_BASE_URL",
        "NODE_EXTRA_CA_CERTS",
    }


@pytest.mark.parametrize(
    ("values", "code"), [({"PORT": "x"}, 2), ({"STATE_DIR": "/dev/null/x"}, 1)], ids=str
)
def test_a_start_that_fails_says_so_in_json_where_that_is_asked_for(
    place: Place, values: dict[str, object], code: int
) -> None:
    (place.directory / ".env").write_text(f"{PREFIX}LOG_FORMAT=json\n")
    ended = place.run(**{"HOST": "127.0.0.1", "PORT": 0, "DASHBOARD_PORT": 0} | values)
    assert (ended.returncode, ended.stdout) == (code, "")
    [line] = map(json.loads, ended.stderr.splitlines())
    assert (line["event"], line["level"]) == ("not started", "error")
    assert next(iter(values)) in line["reason"]


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("module", ["argparse", "structlog"])
def test_an_interrupt_while_the_program_is_loaded_ends_it_without_a_traceback(
    place: Place, module: str
) -> None:
    shadow = place.directory / f"{module}.py"  # found before the real one
    shadow.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    ended = place.run_python("-m", "app", "serve")
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


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
