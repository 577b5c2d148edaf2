"""``demo``: the proxy in front of a simulated API, with developers at work."""

import argparse
import asyncio
from datetime import datetime

from pydantic import SecretStr

from ..application import create_app
from ..http2 import ProxyEnvironment, Transport
from ..ledger.file import ledger_file
from ..server.addresses import Addresses
from ..server.certificate import certificate_of
from ..server.loop import settle
from ..server.serving import serve
from ..settings import Settings
from ..tls import trusting
from . import client, demo_history
from .serving import announce, serving
from .simulation import command, load, simulator

# Whatever the settings say: a demo needs no key, token or certificate of the user's, shows the
# scrubber, and tells nobody elsewhere what it makes up. Without a token it opens no way out.
DEMO = {
    "access_token": None,
    "tls_client_ca_file": None,
    "scrub_mode": "pseudonymize",
    "scrub_hmac_key": SecretStr(b"demo".hex() * 8),  # public, like everything in the demo
    "scrub_restore": True,
    "scrub_receipts_file": None,  # the user's own holds what really left this machine
    "log_slow_threshold": None,  # every long answer would be a line
    "labels": "repo",
    "budgets": "",
    "budget_webhook": None,
    "budget_enforce": False,
    "forward_port": None,
}


def run(_: argparse.Namespace) -> int:
    """Demonstrate until a signal comes."""
    return serving(_demonstrate)


async def _demonstrate(loaded: Settings) -> None:
    """Serve in front of a simulator on loopback, with a load, until a signal comes."""
    certificate = certificate_of(loaded)
    context = trusting(certificate.ca_file or certificate.cert_file)
    context.check_hostname = False  # the user's own certificate may be for another name

    def transport() -> Transport:
        return Transport(ssl_context=context, proxies=ProxyEnvironment({}))

    async with simulator.Simulator(keep=0) as upstream:
        settings = loaded.model_copy(update=DEMO | {"upstream_base_url": upstream.url})
        if settings.ledger:
            path = ledger_file(settings.state_dir, simulated=True)
            await asyncio.to_thread(demo_history.fill, path, datetime.now().astimezone().date())
        application = create_app(settings, transport(), simulated=True, environ={})
        started: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()

        def on_start(at: Addresses) -> None:
            settle()
            announce(at, settings, application.telemetry.facts)
            started.set_result(at)

        stop = asyncio.Event()
        working = asyncio.create_task(_work(started, stop, transport()))
        try:
            # The load stops with the signal, before the drain refuses or cuts anything.
            await serve(application, settings, started=on_start, stop=stop)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        await command.quiet(upstream)


async def _work(
    started: asyncio.Future[Addresses], stop: asyncio.Event, transport: Transport
) -> None:
    at = await started
    url = client.url("https", at.host, at.port)
    await load.Load(url, transport=transport).run_until(stop)
