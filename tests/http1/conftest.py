"""Fixtures of the transport's tests, over HTTP/1.1."""

from tests.http2.conftest import make_transport, tls, transport

__all__ = ["make_transport", "tls", "transport"]
