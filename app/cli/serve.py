"""``serve``: the proxy itself, and what runs without a command."""

import argparse
import gc

from ..application import create_app
from ..server import serve
from ..settings import Settings
from .serving import announce, serving

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
    # What is here now stays: a collection that looks through it holds up everything for 0.1 s.
    gc.collect()
    gc.freeze()
    await serve(application, loaded, started=lambda at: announce(at, loaded, facts))
