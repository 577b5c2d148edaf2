"""How long a certificate is good, and for which names."""

import ipaddress
from datetime import UTC, datetime, timedelta

import msgspec

RENEWAL = timedelta(days=30)  # before the end
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


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


def seconds(text: str) -> int:
    """Return the time of a date such as "Jan  5 09:34:43 2018 GMT", which OpenSSL writes.

    `ssl.cert_time_to_seconds` does the same with ``strptime``: its import takes 5 ms.
    """
    month, day, time, year, _ = text.split()
    hour, minute, second = map(int, time.split(":"))
    number = _MONTHS.index(month) + 1
    return int(datetime(int(year), number, int(day), hour, minute, second, tzinfo=UTC).timestamp())
