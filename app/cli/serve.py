"""``serve``: the proxy itself, and what runs without a command."""

import argparse

from app.application import create_app
from app.cli.serving import announce, serving
from app.server import serve
from app.settings import Settings

NAME = "serve"
HELP = "Run the proxy (the default)."


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Add none: settings are environment variables."""


def run(_: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    return serving(_serve)


async def _serve(loaded: Settings) -> None:
    application = create_app(loaded)
    facts = application.telemetry.facts
    await serve(application, loaded, started=lambda at: announce(at, loaded, facts))
