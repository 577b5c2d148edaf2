"""A start: what it prints, and why it may fail."""

import json
import signal
import socket
import ssl
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from app.certificates import Certificate
from app.cli import client
from app.settings import PREFIX
from tests.cli.place import LOOPBACK, Banner, Place, get
from tests.processes import DEADLINE


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
        assert get(f"{banner.base}/health", trusted) == b'{"status":"ok"}'
        assert get(banner.pages.replace("/dashboard", "/health"), trusted) == b'{"status":"ok"}'
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
        started = place.logged("started")
    assert shown in " ".join(banner.text.split())
    assert started["port"] == banner.port
    for said, prefix in ((started, "scrub_"), (scrub, "")):
        mode, detectors, restore = (
            said[f"{prefix}{name}"] for name in ("mode", "detectors", "restore")
        )
        assert (mode, len(detectors), restore) == logged


@pytest.mark.parametrize("name", ["SCRUB_MOD", "SCRUB_X", "SRUB_MODE", "scrub_hmackey"])
def test_a_misspelt_setting_of_the_scrubber_stops_the_start(place: Place, name: str) -> None:
    ended = place.run(**LOOPBACK, **{name: "pseudonymize"})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"{PREFIX}{name.upper()} is not a setting")
    assert "pseudonymize" not in ended.stderr


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
@pytest.mark.parametrize("module", ["datetime", "structlog"])
def test_an_interrupt_while_the_program_is_loaded_ends_it_without_a_traceback(
    place: Place, module: str
) -> None:
    shadow = place.directory / f"{module}.py"  # found before the real one
    shadow.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    ended = place.run_python("-m", "app", "serve")
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
