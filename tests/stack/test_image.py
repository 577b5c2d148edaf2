"""The image: small, locked, unprivileged, healthy by its own check."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.programs import TIME_OUT
from tests.stack.tree import ROOT

DOCKERFILE = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
LINES = [line for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]


class Health(BaseHTTPRequestHandler):
    """Answers ``/health``, and 503 when its server is ``sick``."""

    def do_GET(self) -> None:
        sick = getattr(self.server, "sick", False)
        self.send_response(503 if sick or self.path != "/health" else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Health) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def test_both_stages_start_from_the_same_pinned_image() -> None:
    stages = {line.split()[1] for line in LINES if line.startswith("FROM ")}
    assert len(stages) == 1
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+", stages.pop())


def test_uv_and_the_dependencies_come_with_their_hashes() -> None:
    runs = [line for line in LINES if line.startswith("RUN ")]
    assert any("--require-hashes --requirement .ci/uv.txt" in run for run in runs)
    syncs = [run for run in runs if "uv sync" in run]
    assert syncs
    assert all("--locked --no-dev" in run for run in syncs)


def test_it_runs_as_a_user_without_privileges_or_shell() -> None:
    last = [line.split()[1] for line in LINES if line.startswith("USER ")][-1]
    assert all(int(part) >= 10_000 for part in last.split(":"))
    assert "--shell /usr/sbin/nologin" in DOCKERFILE


def test_docker_talks_to_the_proxy_itself() -> None:
    assert json.loads(_instruction("ENTRYPOINT")) == ["anthropic-proxy"]
    assert json.loads(_instruction("CMD")) == ["serve"]
    assert _instruction("STOPSIGNAL") == "SIGTERM"


def test_state_is_kept_in_the_volume() -> None:
    volume = _instruction("VOLUME")
    assert f"ANTHROPIC_PROXY_STATE_DIR={volume}" in DOCKERFILE


def test_it_does_not_run_where_certificates_are_made() -> None:
    """The next start would take them for the user's own and never renew them."""
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "WORKDIR" not in final


def test_a_start_compiles_nothing() -> None:
    build, _, final = DOCKERFILE.rpartition("\nFROM ")
    assert "UV_COMPILE_BYTECODE=1" in build
    assert "RUN python -m compileall " in final.partition("\nUSER ")[0]


def test_nothing_gets_into_the_image_that_it_is_not_made_of() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    assert rules[0] == "*"
    copied = {
        source
        for line in LINES
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == copied


def test_the_health_check_succeeds_when_the_proxy_is_healthy(server: HTTPServer) -> None:
    assert _check_health(server).returncode == 0


def test_the_health_check_fails_when_it_is_not(server: HTTPServer) -> None:
    server.sick = True  # type: ignore[attr-defined]
    assert _check_health(server).returncode != 0


def test_the_health_check_fails_when_nobody_answers(server: HTTPServer) -> None:
    port = server.server_port
    server.server_close()
    assert _run_health_check(port).returncode != 0


def _instruction(name: str) -> str:
    (found,) = [line.removeprefix(f"{name} ") for line in LINES if line.startswith(f"{name} ")]
    return found


def _check_health(server: HTTPServer) -> "subprocess.CompletedProcess[bytes]":
    return _run_health_check(server.server_port)


def _run_health_check(port: int) -> "subprocess.CompletedProcess[bytes]":
    command = json.loads(_instruction("HEALTHCHECK").partition("CMD ")[2])
    assert command[0] == "python"
    environment = os.environ | {"ANTHROPIC_PROXY_DASHBOARD_PORT": str(port)}
    return subprocess.run(
        [sys.executable, *command[1:]],
        env=environment,
        capture_output=True,
        timeout=TIME_OUT,
        check=False,
    )
