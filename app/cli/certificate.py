"""``certificate``: makes the certificate if there is none yet, and shows what clients can check."""

import argparse

from .. import settings
from ..certificates import inspection
from ..server.certificate import certificate_of, forward_certificate_of
from ..settings import Settings


def run(_: argparse.Namespace) -> int:
    """Print the files, the names, the last day, and the fingerprint to compare a download with."""
    loaded = settings.load()
    served = certificate_of(loaded)
    leaf = inspection.describe(served.cert_file)
    print(f"certificate  {served.cert_file}")
    print(f"names        {', '.join(leaf.names)}")
    print(f"valid until  {leaf.valid_until:%Y-%m-%d}")
    if served.ca_file is not None:
        print(f"CA           {served.ca_file}")
        print(f"SHA-256      {inspection.describe(served.ca_file).fingerprint}")
    if loaded.forward_port is not None:
        _print_forward(loaded)
    return 0


def _print_forward(loaded: Settings) -> None:
    """Print the CA of intercepted tunnels, which clients of the forward proxy trust."""
    made = forward_certificate_of(loaded)
    assert made.ca_file is not None  # noqa: S101 - for mypy
    print(f"forward CA   {made.ca_file}")
    print(f"for          {', '.join(inspection.describe(made.cert_file).names)}")
    print(f"SHA-256      {inspection.describe(made.ca_file).fingerprint}")
