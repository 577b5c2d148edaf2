"""``certificate``: makes the certificate if there is none yet, and shows what clients can check."""

import argparse

from .. import settings
from ..certificates import inspection
from ..server.certificate import certificate_of


def run(_: argparse.Namespace) -> int:
    """Print the files, the names, the last day, and the fingerprint to compare a download with."""
    served = certificate_of(settings.load())
    leaf = inspection.describe(served.cert_file)
    print(f"certificate  {served.cert_file}")
    print(f"names        {', '.join(leaf.names)}")
    print(f"valid until  {leaf.valid_until:%Y-%m-%d}")
    if served.ca_file is not None:
        print(f"CA           {served.ca_file}")
        print(f"SHA-256      {inspection.describe(served.ca_file).fingerprint}")
    return 0
