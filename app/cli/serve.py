"""``serve``: the proxy itself, and what runs without a command."""

import argparse

from ..application import create_app
from ..server.addresses import Addresses
from ..server.serving import serve
from ..settings import Settings
from .serving import announce, serving, settle


def run(_: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    return serving(_serve)


async def _serve(loaded: Settings) -> None:
    application = create_app(loaded)

    def started(at: Addresses) -> None:
        settle()
        announce(at, loaded, application.telemetry.facts)

    await serve(application, loaded, started=started)
