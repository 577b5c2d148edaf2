"""``demo``: the proxy in front of a simulated API, with a small load."""

import argparse
import asyncio

from app.application import create_app
from app.cli import client
from app.cli.serving import announce, serving
from app.http2 import ProxyEnvironment, Transport
from app.server import Addresses, certificate_of, serve
from app.settings import Settings
from app.simulator import Simulator
from app.simulator.load import Load

NAME = "demo"
HELP = "Run the proxy in front of a simulated API, with a small load; no key needed."


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Add none: settings are environment variables."""


def run(_: argparse.Namespace) -> int:
    """Demonstrate until a signal comes."""
    return serving(_demonstrate)


async def _demonstrate(loaded: Settings) -> None:
    """Serve in front of a simulator on loopback, with a small load, until a signal comes."""
    certificate = certificate_of(loaded)
    context = client.trusting(certificate.ca_file or certificate.cert_file)
    context.check_hostname = False  # the user's own certificate may be for another name
    async with Simulator() as simulator:
        changed = {"upstream_base_url": simulator.url, "access_token": None}
        settings = loaded.model_copy(update=changed)
        transport = Transport(ssl_context=context, proxies=ProxyEnvironment({}))

        application = create_app(settings, transport, simulated=True)

        def started(at: Addresses) -> None:
            announce(at, settings, application.telemetry.facts)
            load.append(
                asyncio.create_task(
                    Load(f"https://localhost:{at.port}", rate=5.0, verify=context).run()
                )
            )

        load: list[asyncio.Task[None]] = []
        try:
            await serve(application, settings, started=started)
        finally:
            for task in load:
                task.cancel()
            await asyncio.gather(*load, return_exceptions=True)
