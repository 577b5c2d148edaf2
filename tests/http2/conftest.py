"""Fixtures of the transport's tests."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.http2 import ProxyEnvironment, Transport
from tests.http2.outgoing import MakeTransport
from tests.http2.tls import Tls, self_signed
from tests.simulated_clock import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def make_transport(tls: Tls) -> AsyncIterator[MakeTransport]:
    made: list[Transport] = []

    def make(**options: Any) -> Transport:
        defaults: dict[str, Any] = {
            "ssl_context": tls.client(),
            "proxies": ProxyEnvironment({}),
        }
        made.append(Transport(**defaults | options))
        return made[-1]

    yield make
    for transport in made:
        await transport.aclose()
        assert transport.stats.streams_open == transport.stats.connections_open == 0


@pytest.fixture
async def transport(make_transport: MakeTransport) -> Transport:
    return make_transport()
