"""Certificate files that are renewed in place are served without a restart."""

import asyncio
import shutil
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from app import certificates
from app.certificates import Certificate
from app.network.connect import offer
from app.tls import tls_context
from simulator import Simulator
from tests.client_certificate import client_certificate
from tests.listener import h1client
from tests.proxying import Running, proxying

NAMES = ("localhost", "127.0.0.1", "::1")


def _pair(directory: Path) -> Certificate:
    """Make a pair of another CA; return it as a user's own, with that CA beside it."""
    return certificates.ensure(directory, NAMES)


def _replace(served: Certificate, new: Certificate) -> None:
    shutil.copyfile(new.cert_file, served.cert_file)
    shutil.copyfile(new.key_file, served.key_file)


async def _accepted(proxy: Running, ca_file: Path | None) -> bool:
    """Do a handshake; return whether a client that trusts ``ca_file`` accepts it."""
    try:
        async with h1client.connected(proxy.at.port, ssl.create_default_context(cafile=ca_file)):
            return True
    except ssl.SSLCertVerificationError:
        return False


def _own(directory: Path, pair: Certificate) -> Certificate:
    directory.mkdir()
    own = Certificate(directory / "tls.crt", directory / "tls.key")
    _replace(own, pair)
    own.key_file.chmod(0o600)
    return own


async def test_a_renewed_pair_is_served_and_open_connections_go_on(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    first, second = _pair(tmp_path / "1"), _pair(tmp_path / "2")
    own = _own(tmp_path / "own", first)
    async with (
        proxying(
            upstream.url, certificate, tls_cert_file=own.cert_file, tls_key_file=own.key_file
        ) as proxy,
        h1client.connected(
            proxy.at.port, ssl.create_default_context(cafile=first.ca_file)
        ) as before,
    ):
        with capture_logs() as logs:
            _replace(own, second)
            assert await _accepted(proxy, second.ca_file)
            assert not await _accepted(proxy, first.ca_file)
        assert [entry["event"] for entry in logs if "certificate" in entry["event"]] == [
            "certificate reloaded"
        ]
        before.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await before.answer()).status == 200


async def test_a_renewal_by_a_link_to_another_directory_is_noticed(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    """As Kubernetes and certbot do it: the files are links, and one of the links changes."""
    pairs = [_pair(tmp_path / "1"), _pair(tmp_path / "2")]
    link = tmp_path / "live"
    link.symlink_to(tmp_path / "1")
    own = Certificate(link / "server.crt", link / "server.key")
    async with proxying(
        upstream.url, certificate, tls_cert_file=own.cert_file, tls_key_file=own.key_file
    ) as proxy:
        assert await _accepted(proxy, pairs[0].ca_file)
        (tmp_path / "next").symlink_to(tmp_path / "2")
        (tmp_path / "next").replace(link)
        assert await _accepted(proxy, pairs[1].ca_file)


def _encrypt(own: Certificate) -> None:
    key = serialization.load_pem_private_key(own.key_file.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    own.key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"fake-password"),
        )
    )


BROKEN: dict[str, Callable[[Certificate, Certificate], object]] = {
    "no certificate": lambda own, _: own.cert_file.unlink(),
    "no key": lambda own, _: own.key_file.unlink(),
    "empty certificate": lambda own, _: own.cert_file.write_bytes(b""),
    "half a certificate": lambda own, _: own.cert_file.write_bytes(
        own.cert_file.read_bytes()[:300]
    ),
    "garbage as key": lambda own, _: own.key_file.write_bytes(b"garbage"),
    "another key": lambda own, other: shutil.copyfile(other.key_file, own.key_file),
    "another certificate": lambda own, other: shutil.copyfile(other.cert_file, own.cert_file),
    "an encrypted key": lambda own, _: _encrypt(own),
}


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_broken_pair_keeps_the_one_before_and_is_warned_about_once(
    upstream: Simulator, certificate: Certificate, tmp_path: Path, fault: str
) -> None:
    first, second = _pair(tmp_path / "1"), _pair(tmp_path / "2")
    own = _own(tmp_path / "own", first)
    async with proxying(
        upstream.url, certificate, tls_cert_file=own.cert_file, tls_key_file=own.key_file
    ) as proxy:
        with capture_logs() as logs:
            BROKEN[fault](own, second)
            for _ in range(3):
                assert await _accepted(proxy, first.ca_file)
        (warning,) = [entry for entry in logs if "not reloaded" in entry["event"]]
        assert warning["log_level"] == "warning"
        assert str(own.cert_file) in warning["reason"]
        _replace(own, second)
        assert await _accepted(proxy, second.ca_file)


async def test_a_made_certificate_that_another_replica_renews_is_served(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    made = _pair(tmp_path / "state")
    chosen: dict[str, Any] = {
        "tls_cert_file": None,
        "tls_key_file": None,
        "state_dir": tmp_path / "state",
    }
    async with proxying(upstream.url, certificate, **chosen) as proxy:
        certificates.ensure(tmp_path / "state", NAMES, added=("other.example",))
        trust = ssl.create_default_context(cafile=made.ca_file)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", proxy.at.port, ssl=trust, server_hostname="other.example"
        )
        writer.close()
        await writer.wait_closed()
        del reader


async def test_new_client_authorities_are_taken_up_and_the_old_ones_end(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    trusted = tmp_path / "clients.crt"
    pairs = []
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        pairs.append(client_certificate(tmp_path / name))
    shutil.copyfile(pairs[0][0], trusted)
    async with proxying(upstream.url, certificate, tls_client_ca_file=trusted) as proxy:
        assert [await _status(proxy, pair) for pair in (*pairs, None)] == [200, None, None]
        shutil.copyfile(pairs[1][0], trusted)
        assert [await _status(proxy, pair) for pair in (*pairs, None)] == [None, 200, None]


async def _status(proxy: Running, pair: tuple[Path, Path] | None) -> int | None:
    context = proxy.trust()
    if pair is not None:
        context.load_cert_chain(*pair)
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        try:
            return (await client.get(f"{proxy.url}/health")).status_code
        except (httpx.TransportError, ssl.SSLError):  # httpx passes an alert on as it is
            return None


def test_tls_1_2_offers_authenticated_encryption_with_forward_secrecy_only(
    certificate: Certificate,
) -> None:
    ciphers = tls_context(certificate, None).get_ciphers()
    assert {cipher["protocol"] for cipher in ciphers} == {"TLSv1.2", "TLSv1.3"}
    assert all(cipher["aead"] for cipher in ciphers)
    old = [cipher["name"] for cipher in ciphers if cipher["protocol"] == "TLSv1.2"]
    assert old
    assert all(name.startswith("ECDHE-") for name in old)


def test_data_goes_to_openssl_without_a_call_between(certificate: Certificate) -> None:
    client = ssl.create_default_context(cafile=certificate.ca_file)
    offer(client, http2=True)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends: list[Any] = [
        client.wrap_bio(down, up, server_hostname="localhost"),
        tls_context(certificate, None).wrap_bio(up, down, server_side=True),
    ]
    for end in [*ends, *ends]:
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()
    for sender, receiver in (ends, reversed(ends)):
        assert sender.write(b"twelve bytes") == 12
        assert (receiver.read(6), receiver.pending()) == (b"twelve", 6)
        room = bytearray(10)
        assert (receiver.read(10, room), bytes(room)) == (6, b" bytes\0\0\0\0")
        assert sender.read is not type(sender).read
        with pytest.raises(ssl.SSLWantReadError):
            receiver.read(1)
