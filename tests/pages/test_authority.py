"""``/ca.crt``: what clients on other machines must trust, for everyone, and never a key."""

import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import certificates
from app.certificates import Certificate
from app.wire.headers import ERROR_HEADER
from simulator import Simulator
from tests.proxying import Running, proxying

MADE: dict[str, Any] = {"tls_cert_file": None, "tls_key_file": None}


async def _get(proxy: Running, path: str = "/ca.crt", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(proxy.pages_url + path, headers=headers)


async def test_a_client_that_fetched_it_trusts_the_proxy_by_the_names_set(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    chosen = MADE | {"state_dir": tmp_path / "state", "tls_names": "proxy.team.example"}
    async with proxying(upstream.url, certificate, **chosen) as proxy:
        answer = await _get(proxy, host="proxy.team.example:9090")
        assert (answer.status_code, answer.headers["content-type"]) == (
            200,
            "application/x-pem-file",
        )
        assert answer.content == (tmp_path / "state" / "ca.crt").read_bytes()
        assert b"PRIVATE" not in answer.content
        trust = ssl.create_default_context(cadata=answer.text)
        async with httpx.AsyncClient(verify=trust, trust_env=False) as client:
            request = client.build_request("GET", f"{proxy.url}/health")
            request.extensions["sni_hostname"] = "proxy.team.example"
            assert (await client.send(request)).status_code == 200


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/ca.crt", "localhost", 200),
        ("/ca.crt", "evil.example", 403),
        ("/dashboard", "localhost", 401),
        ("/ca.key", "localhost", 404),
        ("/server.key", "localhost", 404),
        ("/ca.crt/", "localhost", 401),
    ],
)
async def test_it_needs_no_token_but_a_name_of_the_proxy_s(
    upstream: Simulator, certificate: Certificate, tmp_path: Path, path: str, host: str, status: int
) -> None:
    chosen = MADE | {"state_dir": tmp_path / "state", "pages_token": "fake-pages-token"}
    async with proxying(upstream.url, certificate, **chosen) as proxy:
        shown = {} if status in (200, 401, 403) else {"authorization": "Bearer fake-pages-token"}
        answer = await _get(proxy, path, host=host, **shown)
    assert answer.status_code == status
    assert "PRIVATE" not in answer.text


async def test_another_origin_s_page_may_not_read_it(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    async with proxying(upstream.url, certificate, **MADE, state_dir=tmp_path / "s") as proxy:
        assert (await _get(proxy, origin="https://evil.example")).status_code == 403


async def test_with_a_certificate_of_the_user_s_there_is_none_and_the_answer_says_so(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    certificates.ensure(tmp_path / "state", ("localhost",))  # of an earlier start
    async with proxying(upstream.url, certificate, state_dir=tmp_path / "state") as proxy:
        answer = await _get(proxy)
    assert (answer.status_code, answer.headers[ERROR_HEADER.decode()]) == (404, "no_ca")
    assert "ANTHROPIC_PROXY_TLS_CERT_FILE" in answer.json()["error"]["message"]
