"""A throw-away certificate."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from tests import self_signed as certificates
from tests.once import once


@dataclass(frozen=True)
class Tls:
    """A throw-away certificate for localhost, and contexts of both sides."""

    certificate: Path
    key: Path

    def server(self, *alpn: str) -> ssl.SSLContext:
        return _server(self.certificate, self.key, *alpn)

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


@once
def _server(certificate: Path, key: Path, *alpn: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def self_signed(folder: Path, host: str = "localhost") -> Tls:
    """Make a certificate that signs itself."""
    return Tls(*certificates.self_signed(folder, host))
