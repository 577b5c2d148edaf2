"""A throw-away certificate."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from tests import self_signed as certificates


@dataclass(frozen=True)
class Tls:
    """A throw-away certificate for localhost, and contexts of both sides."""

    certificate: Path
    key: Path

    def server(self, *alpn: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


def self_signed(folder: Path, host: str = "localhost") -> Tls:
    """Make a certificate that signs itself."""
    return Tls(*certificates.self_signed(folder, host))
