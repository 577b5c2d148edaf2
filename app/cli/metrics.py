"""``metrics``: asks the proxy that runs with these settings on this machine."""

import argparse

from .. import settings
from . import client

NAME = "metrics"
HELP = "Print the figures of the running proxy as JSON."


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Add none: settings are environment variables."""


def run(_: argparse.Namespace) -> int:
    """Print the answer of ``/metrics``."""
    print(client.page(settings.load(), "/metrics"))
    return 0
