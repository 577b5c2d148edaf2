"""Fixtures shared by every test."""

import functools
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest
import structlog

from app import certificates, tls
from app.anthropic.prices import Prices
from app.certificates import Certificate
from app.pages import dashboard
from app.scrubber.detect import scan
from app.scrubber.detect.prefilter import Prefilter
from app.scrubber.detect.sources import Sources
from app.scrubber.redact import replace
from simulator import Simulator
from tests import programs, scheduling, thorough
from tests.once import once
from tests.proxying import DEADLINE, Running, proxying, simulated

pytest_plugins = ["tests.parallel"]

PEM_END = "-----END CERTIFICATE-----\n"
RULES = 32  # sets of rules that are kept compiled
YOUNG = 50_000  # objects made and not freed between two looks for garbage

thorough.register()
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell starts its background jobs so
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Let the garbage collector pass over what collection makes: all of it stays.

    Afterwards it looks seldom: it takes a twelfth of the time otherwise. A test that counts what is
    left collects or switches it off by itself.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(YOUNG)
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need programs of others; what takes longest goes first."""
    for item in items:
        programs.mark(item)
    items.sort(key=lambda item: (not programs.is_external(item), scheduling.rank(item.nodeid)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let only a marked test use programs of others."""
    programs.allowed = programs.is_external(item)


@pytest.fixture(autouse=True, scope="session")
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the machine has set, its proxies and certificates included, out of the tests."""
    monkeypatch = pytest.MonkeyPatch()
    for name in [name for name in os.environ if name.startswith(("ANTHROPIC_PROXY_", "OTEL_"))]:
        monkeypatch.delenv(name)
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, directory in (("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config")):
        monkeypatch.setenv(name, str(tmp_path_factory.mktemp(directory)))
    few = tmp_path_factory.mktemp("authorities") / "few.pem"  # httpx reads all for each client
    few.write_text(Path(certifi.where()).read_text("utf-8").partition(PEM_END)[0] + PEM_END)
    monkeypatch.setattr(certifi, "where", lambda: str(few))
    yield
    monkeypatch.undo()


@pytest.fixture(autouse=True, scope="session")
def _patient_clients() -> Iterator[None]:
    """Let no client give up after httpx's own 5 s, which a busy machine can take."""
    default = (httpx.Client.__init__.__kwdefaults__ or {})["timeout"]  # all of httpx shares it
    with pytest.MonkeyPatch.context() as monkeypatch:
        for phase in default.as_dict():
            monkeypatch.setattr(default, phase, DEADLINE)
        yield


@pytest.fixture(autouse=True, scope="session")
def _files_read_once() -> Iterator[None]:
    """Read pages, prices and certificates once, not for each of a thousand proxies."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(dashboard, "routes", functools.cache(dashboard.routes))
        monkeypatch.setattr(Prices, "load", once(Prices.load))
        monkeypatch.setattr(certificates, "problems", once(certificates.problems))
        monkeypatch.setattr(tls, "tls_context", once(tls.tls_context))
        # All signals are looked through for each that a loop handles.
        monkeypatch.setattr(signal, "valid_signals", functools.cache(signal.valid_signals))
        yield


@pytest.fixture(autouse=True, scope="session")
def _rules_compiled_once() -> Iterator[None]:
    """Compile the scrubber's rules once, not for each of a thousand scrubbers."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(scan, "Sources", _kept(Sources))
        monkeypatch.setattr(replace, "Prefilter", _kept(Prefilter))
        yield


def _kept(make: Callable[..., Any]) -> Callable[..., Any]:
    made = functools.lru_cache(RULES)(make)
    return lambda detectors, also: made(tuple(detectors), also)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Undo what a command that a test has called has set up: it would hide the lines of others."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no coverage be measured in processes, for tests of their imports: it imports much."""
    for name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for loopback, for the proxy and for the upstream."""
    directory = tmp_path_factory.mktemp("certificate")
    return certificates.ensure(directory, ("localhost", "127.0.0.1", "::1"))


@pytest.fixture
async def upstream(certificate: Certificate) -> AsyncIterator[Simulator]:
    """A simulated upstream over TLS and HTTP/2."""
    async with simulated(certificate) as simulator:
        yield simulator


@pytest.fixture
async def proxy(upstream: Simulator, certificate: Certificate) -> AsyncIterator[Running]:
    """A proxy in front of ``upstream``."""
    async with proxying(upstream.url, certificate) as running:
        yield running
