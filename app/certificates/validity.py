"""How long a certificate is good, and for which names."""

import ipaddress
from datetime import datetime, timedelta

import msgspec

RENEWAL = timedelta(days=30)  # before the end


class Checked(msgspec.Struct, frozen=True):
    """Result of a check: nothing needs to be done ``until`` then, for the ``names`` covered."""

    until: datetime
    names: frozenset[str]


def plain(name: str) -> str:
    """Return a name in the form in which names are compared."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name
