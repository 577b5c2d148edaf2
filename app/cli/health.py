"""``health``: asks the proxy that runs with these settings on this machine."""

import argparse

from .. import settings
from . import asking


def run(_: argparse.Namespace) -> int:
    """Print the answer of ``/health``."""
    print(asking.page(settings.load(), "/health"))
    return 0
