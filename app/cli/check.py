"""``check``: the effective settings, and what is wrong with them."""

import argparse
import sys

from app import settings
from app.application import create_app
from app.server import certificate_of

NAME = "check"
HELP = "Print the effective settings and what is wrong with them."


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Add none: settings are environment variables."""


def run(_: argparse.Namespace) -> int:
    """Check the settings and the files that they name."""
    loaded = settings.load()
    for name, value in settings.effective(loaded).items():
        print(f"{name}={value}")
    for warning in settings.unknown():
        print(f"warning: {warning}", file=sys.stderr)
    create_app(loaded)
    certificate_of(loaded)
    return 0
