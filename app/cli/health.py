"""``health``: asks the proxy that runs with these settings on this machine."""

import argparse

from .. import settings
from . import client

NAME = "health"
HELP = "Ask the running proxy whether it is up; exit code 1 when it is not."


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Add none: settings are environment variables."""


def run(_: argparse.Namespace) -> int:
    """Print the answer of ``/health``."""
    print(client.page(settings.load(), "/health"))
    return 0
