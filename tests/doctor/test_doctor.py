"""The doctor against real peers: it names the fault and what to do."""

import asyncio
import errno
import json
import socket
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from pydantic import SecretStr

from app import cli
from app.certificates import Certificate
from app.doctor import Finding, examine
from app.doctor.ledger import ledger
from app.doctor.machine import certificate, ports
from app.doctor.network import Way
from app.http2 import ProxyEnvironment
from app.settings import Settings
from app.tls import tls_context
from simulator import Simulator
from tests.http1.peer import Wire, peer
from tests.http2.tls import self_signed

REFUSAL = b'{"type":"error","error":{"type":"authentication_error","message":"x-api-key"}}'


def settings(tmp_path: Path, url: str, certificate: Certificate | None = None) -> Settings:
    values: dict[str, Any] = {"upstream_base_url": url, "state_dir": tmp_path, "port": free()}
    values |= {"dashboard_port": free(), "_env_file": None}
    if certificate is not None:
        values["upstream_ca_file"] = certificate.ca_file
    return Settings(**values)


def free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    assert isinstance(port, int)
    return port


async def seen(loaded: Settings, **seams: Any) -> dict[str, Finding]:
    way = Way(loaded, **({"proxies": ProxyEnvironment({})} | seams))
    return {finding.check: finding for finding in await examine(loaded, way)}


def failing(found: dict[str, Finding]) -> list[str]:
    return [finding.check for finding in found.values() if finding.verdict == "fail"]


def refusing(date: float) -> Callable[[Wire], Awaitable[None]]:
    async def answer(wire: Wire) -> None:
        head = "HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\nDate: %s\r\n\r\n"
        await wire.send((head % (len(REFUSAL), formatdate(date, usegmt=True))).encode() + REFUSAL)

    return answer


async def test_a_healthy_way_is_described(certificate: Certificate, tmp_path: Path) -> None:
    async with Simulator(ssl_context=tls_context(certificate, None)) as upstream:
        url = upstream.url.replace("127.0.0.1", "localhost")
        found = await seen(settings(tmp_path, url, certificate))
    assert failing(found) == []
    assert list(found)[-6:] == ["dns", "tcp", "tls", "http/2", "request", "clock"]
    assert "TLSv1.3, ALPN h2" in found["tls"].found
    assert "MAX_CONCURRENT_STREAMS 100" in found["http/2"].found
    assert "INITIAL_WINDOW_SIZE" in found["http/2"].found
    assert "round trip" in found["http/2"].found


async def test_an_http1_only_upstream_is_a_warning(
    certificate: Certificate, tmp_path: Path
) -> None:
    async with Simulator(ssl_context=tls_context(certificate, None), http2=False) as upstream:
        found = await seen(settings(tmp_path, upstream.url, certificate))
    assert failing(found) == []
    assert found["http/2"].verdict == "warn"
    assert "HTTP/1.1" in found["http/2"].found


async def test_an_issuer_that_is_not_trusted_is_named_and_gets_nothing(tmp_path: Path) -> None:
    unknown = self_signed(tmp_path, "localhost")
    async with peer(refusing(time.time()), unknown.server("http/1.1")) as upstream:
        found = await seen(settings(tmp_path, upstream.url))
        assert failing(found) == ["tls"]
        assert "CN=localhost" in found["tls"].found
        assert "SSL_CERT_FILE" in found["tls"].advice
        assert all(wire.heads == [] for wire in upstream.wires)


async def test_a_certificate_for_another_name_says_so(tmp_path: Path) -> None:
    other = self_signed(tmp_path, "other.invalid")
    loaded = settings(tmp_path, "https://localhost:1")
    async with peer(refusing(time.time()), other.server()) as upstream:
        loaded = loaded.model_copy(
            update={"upstream_base_url": upstream.url, "upstream_ca_file": other.certificate}
        )
        found = await seen(loaded)
    assert failing(found) == ["tls"]
    assert "UPSTREAM_BASE_URL" in found["tls"].advice


async def test_a_dead_port_and_an_unknown_name_fail_at_their_step(tmp_path: Path) -> None:
    found = await seen(settings(tmp_path, "https://localhost:1"))
    assert failing(found) == ["tcp"]
    assert "request" not in found
    found = await seen(settings(tmp_path, "https://nowhere.invalid"))
    assert failing(found) == ["dns"]


async def test_one_dead_address_of_two_is_a_warning(tmp_path: Path) -> None:
    async def two(_: str, port: int) -> list[Any]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, ("127.0.0.2", port)), (*kind, ("127.0.0.1", port))]

    async with peer(refusing(time.time())) as upstream:  # listens on 127.0.0.1 alone
        found = await seen(settings(tmp_path, upstream.url), resolver=two)
    assert found["tcp"].verdict == "warn"
    assert found["dns"].found == "localhost is 127.0.0.2, 127.0.0.1"
    assert found["request"].verdict == "ok"


async def test_a_dead_proxy_is_named_without_its_credentials(tmp_path: Path) -> None:
    proxies = ProxyEnvironment({"https": "http://user:fake-word@localhost:1"})
    found = await seen(settings(tmp_path, "https://api.example"), proxies=proxies)
    assert failing(found) == ["proxy"]
    assert "localhost:1" in found["proxy"].found
    assert "fake-word" not in found["proxy"].found
    assert "dns" not in found


@pytest.mark.parametrize("url", ["socks5://localhost:1", "http://bad:port"])
async def test_a_proxy_that_cannot_be_used_says_so(tmp_path: Path, url: str) -> None:
    proxies = ProxyEnvironment({"https": url})
    found = await seen(settings(tmp_path, "https://api.example"), proxies=proxies)
    assert failing(found) == ["proxy"]


@pytest.mark.parametrize(("skew", "verdict"), [(0, "ok"), (90, "warn"), (7200, "fail")])
async def test_a_wrong_clock_is_noticed(tmp_path: Path, skew: float, verdict: str) -> None:
    async with peer(refusing(time.time())) as upstream:
        found = await seen(settings(tmp_path, upstream.url), wall=lambda: time.time() + skew)
    assert found["clock"].verdict == verdict
    assert found["request"].found.startswith("GET /v1/models without a key: 401, authentication")


async def test_a_page_instead_of_the_api_fails(tmp_path: Path) -> None:
    async def page(wire: Wire) -> None:
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html>Sign in</")

    async with peer(page) as upstream:
        assert failing(await seen(settings(tmp_path, upstream.url))) == ["request"]


async def test_a_mute_upstream_does_not_hold_the_doctor_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def mute(_: Wire) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr("app.doctor.network.STEP", 0.2)
    async with peer(mute) as upstream:
        found = await seen(settings(tmp_path, upstream.url))
        assert failing(found) == ["request"]
        found = await seen(settings(tmp_path, upstream.url.replace("http:", "https:")))
        assert failing(found) == ["tls"]


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    loaded = settings(tmp_path, "https://localhost:1")
    with socket.create_server(("127.0.0.1", loaded.port)):
        found = await seen(loaded)
    taken = found[f"port {loaded.port}"]
    assert taken.verdict == "fail"
    assert taken.advice == "Stop what uses it, or set ANTHROPIC_PROXY_PORT."
    assert found[f"port {loaded.dashboard_port}"].found == "free"


def test_a_state_directory_that_cannot_be_written_fails_with_and_without_a_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = settings(tmp_path, "https://localhost:1")
    assert certificate(loaded).verdict == "ok"
    for made in (False, True):
        if made:
            (tmp_path / "server.crt").touch()
        with monkeypatch.context() as patched:
            patched.setattr("os.access", lambda *_: False)  # as root, everything can be written
            found = certificate(loaded)
        assert (found.verdict, found.found) == ("fail", f"{tmp_path} cannot be written")
        assert "ANTHROPIC_PROXY_STATE_DIR" in found.advice


def test_a_port_that_is_not_allowed_is_no_port_that_is_taken(tmp_path: Path) -> None:
    loaded = settings(tmp_path, "https://localhost:1")
    with pytest.MonkeyPatch.context() as patched:
        refused = OSError(errno.EACCES, "Permission denied")
        patched.setattr("socket.socket.bind", Mock(side_effect=refused))
        [found, _] = ports(loaded)
    assert (found.verdict, found.advice) == ("fail", "Take one from 1024 on.")


async def test_trusted_certificates_that_cannot_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    async with peer() as upstream:
        found = await seen(settings(tmp_path, upstream.url.replace("http:", "https:")))
    assert failing(found) == ["tls"]
    assert "SSL_CERT_FILE" in found["tls"].advice


def test_bad_settings_have_an_exit_code_of_their_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANTHROPIC_PROXY_PORT", "no-port")
    assert cli.main(["doctor", "--json"]) == 2
    (finding,) = json.loads(capsys.readouterr().out)
    assert finding["verdict"] == "fail"
    assert "ANTHROPIC_PROXY_PORT" in finding["found"]


def test_what_fails_has_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANTHROPIC_PROXY_UPSTREAM_BASE_URL", "https://localhost:1")
    monkeypatch.setenv("ANTHROPIC_PROXY_STATE_DIR", str(tmp_path))
    assert cli.main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("check ")
    assert "tcp" in printed


def test_a_ledger_that_cannot_be_written_is_a_failure_without_its_password(tmp_path: Path) -> None:
    secret = "fake-secret-0000"
    url = f"postgresql://user:{secret}@127.0.0.1:{free()}/ledger"
    loaded = settings(tmp_path, "http://127.0.0.1:1")
    assert ledger(loaded) == []
    [found] = ledger(loaded.model_copy(update={"ledger_url": SecretStr(url)}))
    assert (found.check, found.verdict) == ("ledger", "fail")
    assert "refused" in found.found
    assert "ANTHROPIC_PROXY_LEDGER_URL" in found.advice
    assert secret not in found.found
    off = {"ledger_url": SecretStr(url), "ledger": False}
    assert ledger(loaded.model_copy(update=off)) == []
