"""``simulate`` and ``demo``."""

import json
import signal
import socket
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from app.certificates import Certificate
from tests.cli.place import LOOPBACK, Banner, Place, get
from tests.ports import free_port
from tests.processes import DEADLINE


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
        (["--certificate", "missing.crt"], 2, "--certificate missing.crt: No such file"),
        (["--certificate", "odd.crt"], 2, "--certificate odd.crt: not a PEM certificate"),
        (["--key", "odd.crt"], 2, "--key requires --certificate"),
        (["--load-ca", "odd.crt"], 2, "--load-ca requires --load"),
        (
            ["--load", "https://localhost", "--load-ca", "odd.crt"],
            2,
            "--load-ca odd.crt: not a PEM certificate",
        ),
        (
            ["--host", "203.0.113.1", "--port", "0"],
            1,
            "--port 0: cannot listen on 203.0.113.1 (Cannot assign requested address): set --host ",
        ),
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
    assert (ended.returncode, ended.stdout) == (2, "")
    [line] = ended.stderr.splitlines()
    assert "not a PEM certificate with its unencrypted key" in line


def test_a_simulated_api_names_a_taken_port(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = place.run("simulate", "--port", str(port))
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert line == (
        f"--port {port}: port {port} on 127.0.0.1 is taken: stop what uses it, or set --port"
    )


def test_a_simulated_api_ends_at_a_sigterm(place: Place) -> None:
    with place.start("simulate", "--port", "0") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        assert process.wait(DEADLINE) == 0
    assert place.errors == ""


@pytest.mark.slow
def test_a_demo_says_that_it_is_one_and_ends_without_a_complaint(
    place: Place, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipts = place.directory / "receipts.jsonl"
    elsewhere, tunnels = socket.create_server(("127.0.0.1", 0)), free_port()
    url = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    mine = {
        "ACCESS_TOKEN": "fake-token",
        "TLS_CLIENT_CA_FILE": certificate.ca_file,
        "SCRUB_RECEIPTS_FILE": receipts,
        "SCRUB_HMAC_KEY": "0f" * 32,
        "BUDGETS": "day:0.01",
        "BUDGET_WEBHOOK": url,
        "BUDGET_ENFORCE": True,
        "FORWARD_PORT": tunnels,
    }
    with place.start("demo", **LOOPBACK, **mine) as process:
        banner = Banner.read(process)
        assert "all answers are simulated" in banner.text
        assert "Secret scrubber: pseudonymize; values are restored in answers" in banner.text
        document: dict[str, Any] = {}
        while not sum(document.get("scrub", {}).get("matches", {}).values()):
            document = json.loads(
                get(f"{banner.base}/metrics", banner.exports["NODE_EXTRA_CA_CERTS"])
            )
            time.sleep(0.1)  # the demo needs the core, too
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", tunnels), DEADLINE)
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 0
    elsewhere.setblocking(False)
    with elsewhere, pytest.raises(BlockingIOError):  # nobody has called
        elsewhere.accept()
    assert not (place.directory / "state/anthropic-proxy/budgets.announced").exists()
    assert document["instance"]["simulated"] is True
    assert not receipts.exists()
    lines = [json.loads(line) for line in place.errors.splitlines()]
    assert [line for line in lines if line["level"] != "info"] == []
    assert lines[-1]["event"] == "drained"
    assert lines[-1]["cut"] == 0
