"""Fixtures of the transport's tests, over HTTP/1.1."""

from tests.http2.conftest import make_transport, tls, transport
from tests.simulated_clock import pytest_asyncio_loop_factories

__all__ = ["make_transport", "pytest_asyncio_loop_factories", "tls", "transport"]
