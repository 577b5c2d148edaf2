"""Certificates for loopback, made once."""

import ssl
from pathlib import Path

import pytest

from simulator.command import server_context
from tests.self_signed import self_signed


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    return self_signed(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def server_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """What the simulator presents."""
    context = server_context(*certificate)
    assert context is not None
    return context


@pytest.fixture
def client_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """What trusts it."""
    return ssl.create_default_context(cafile=certificate[0])
