"""Runs the client on three ways to a simulated API, each from an empty home.

Nothing leaves this machine: every host but the API's is refused, and the key is made up. The direct
way is a blind tunnel to the simulator, so that the client talks TLS with it from end to end.
"""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from aiohappyeyeballs import AddrInfoType

from ... import certificates
from ...application import create_app
from ...certificates import Certificate
from ...failures import StartError
from ...forward.gate import Gate
from ...forward.policy import Policy, rules
from ...forward.reach import Reach
from ...forward.tunnels import Tunnels
from ...listener import Listener
from ...network.proxies import ProxyEnvironment
from ...server.sockets import bind
from ...settings import Settings
from ...telemetry.forward import ForwardMetrics
from ...telemetry.instruments import Instruments
from ...tls import tls_context, trusting
from ..contract.place import LOOPBACK, OURS, serving, transport
from .comparison import BASE_URL, DIRECT, FORWARD, Comparison
from .observed import Received, observed, versions

API = "api.anthropic.com"
TOOL = ("Bash", {"command": "echo parity", "description": "Print a word"})
ARGUMENTS = ("--output-format", "json", "--allowedTools", "Bash(echo:*)", "-p", "Use a tool.")
DEADLINE = 120.0  # seconds for one run of the client
CLOSE = 1.0  # seconds for connections to close
NAMES = ("localhost", LOOPBACK)
# What would make the way through the proxy another one than the client's own.
NEUTRAL = OURS | {
    "access_token": None,
    "forward_allow": "",
    "forward_host": LOOPBACK,
    "forward_hosts": f"{API}:443",
    "forward_others": "refuse",
    "forward_port": 0,
    "scrub_mode": "off",
    "workers": 1,
}


class Upstream(Protocol):
    """A simulator that serves."""

    port: int

    @property
    def url(self) -> str:
        """Where it listens."""

    @property
    def received(self) -> Sequence[Received]:
        """The requests in the order they came."""

    def reset(self) -> None:
        """Forget the requests, and what was scripted."""


Simulator = Callable[..., AbstractAsyncContextManager[Upstream]]  # of an ``ssl_context``
Script = Callable[[Any, tuple[str, dict[str, str]]], None]
Variables = Mapping[str, str]


async def compare(
    settings: Settings, simulator: Simulator, script: Script, asked_for: Variables
) -> Comparison:
    """Return what the user's client sends on each way, in two turns; raises `StartError`.

    ``script`` lets a simulator answer with the use of a tool, and then with text. ``asked_for`` are
    the variables that the launcher sets behind a base URL.
    """
    program = shutil.which("claude")
    if program is None:
        raise StartError(
            "claude was not found on the PATH: install it with "
            "`npm install -g @anthropic-ai/claude-code`"
        )
    with TemporaryDirectory() as name:
        directory = Path(name)
        sent: dict[str, list[Received]] = {}
        client = _Client(program, directory / "home")
        ours = certificates.ensure(directory / "ours", NAMES)
        api = certificates.ensure(directory / "api", (), added=(API,))
        async with simulator(ssl_context=tls_context(api, None)) as upstream:
            script(upstream, TOOL)
            async with _direct(upstream.port) as port:
                await client.run(_proxied(port, api))
            sent[DIRECT] = [*upstream.received]
        async with simulator(ssl_context=tls_context(ours, None)) as upstream:
            changed = NEUTRAL | {
                "upstream_base_url": upstream.url,
                "state_dir": directory / "state",
            }
            loaded = settings.model_copy(update=changed)
            sending = transport(trusting(_trusted(ours)), http2=loaded.upstream_http2)
            application = create_app(loaded, sending, simulated=True, environ={})
            async with serving(application, loaded) as at:
                base = {
                    "ANTHROPIC_BASE_URL": f"https://localhost:{at.port}",
                    "NODE_EXTRA_CA_CERTS": str(_trusted(at.certificate)),
                    "HTTPS_PROXY": f"http://{LOOPBACK}:{at.forward_port}",  # refuses all others
                    "NO_PROXY": "localhost",
                }
                script(upstream, TOOL)
                await client.run({**base, **asked_for})
                sent[BASE_URL] = [*upstream.received]
                upstream.reset()
                script(upstream, TOOL)
                forward = certificates.kept(loaded.forward_directory)
                await client.run(_proxied(at.forward_port or 0, forward))
                sent[FORWARD] = [*upstream.received]
    return Comparison.of(
        versions(sent[DIRECT]), {way: observed(requests) for way, requests in sent.items()}
    )


def _proxied(port: int, certificate: Certificate) -> dict[str, str]:
    return {
        "HTTPS_PROXY": f"http://{LOOPBACK}:{port}",
        "NODE_EXTRA_CA_CERTS": str(_trusted(certificate)),
    }


def _trusted(certificate: Certificate) -> Path:
    return certificate.ca_file or certificate.cert_file


class _Client:
    """The user's Claude Code, with a ``home`` that is empty at each run."""

    def __init__(self, program: str, home: Path) -> None:
        self._program = program
        self._home = home

    async def run(self, way: Variables) -> None:
        """Ask one question; raises `StartError` if there is no answer."""
        shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir()
        process = await asyncio.create_subprocess_exec(
            self._program,
            *ARGUMENTS,
            cwd=self._home,
            env={
                "HOME": str(self._home),
                "PATH": os.environ.get("PATH", os.defpath),
                "ANTHROPIC_API_KEY": "fake-key-of-the-parity-check",
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                **way,
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(DEADLINE):
                code = await process.wait()
        except TimeoutError:
            raise StartError(f"{self._program} did not end within {DEADLINE:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code:
            raise StartError(f"{self._program} ended with exit code {code}")


@asynccontextmanager
async def _direct(port: int) -> AsyncIterator[int]:
    """Listen as a forward proxy that takes the API's host to a port of this machine, blindly."""

    async def resolve(_host: str, _port: int) -> Sequence[AddrInfoType]:
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (LOOPBACK, port))]

    policy = Policy(frozenset(), "refuse", rules([API]))
    reach = Reach(policy, DEADLINE, proxies=ProxyEnvironment({}), resolver=resolve)
    gate = Gate(
        policy,
        reach,
        Tunnels(100),
        ForwardMetrics(Instruments()),
        token=None,
        idle=DEADLINE,
    )
    with bind(LOOPBACK, 0, "port") as sock:
        listener = Listener(None, sock, entrance=gate.admit)
        await listener.start()
        try:
            yield sock.getsockname()[1]
        finally:
            await listener.close(CLOSE)
