"""Types of arguments, as argparse takes them: the value of a text, or what is wrong with it."""

import re
import time
from datetime import date, datetime
from urllib.parse import urlsplit

PORTS = range(2**16)  # 0 is a free one
MAXIMUM_DEVELOPERS = 1000
MAXIMUM_ROWS = 1_000_000
UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}  # seconds

_AGO = re.compile(r"(\d{1,6})([mhdw])", re.ASCII)


def port(text: str) -> int:
    """Return a port's number, 0 included."""
    if not text.isascii() or not text.isdigit() or int(text) not in PORTS:
        raise _wrong(f"{text!r} is not a port: 0 to {PORTS[-1]}")
    return int(text)


def developers(text: str) -> int:
    """Return how many developers a load has."""
    return _number(text, MAXIMUM_DEVELOPERS)


def rows(text: str) -> int:
    """Return how many rows a table has."""
    return _number(text, MAXIMUM_ROWS)


def _number(text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise _wrong(f"{text!r} is not a number from 1 to {most}")
    return int(text)


def url(text: str) -> str:
    """Return the URL of a proxy, as it is."""
    complaint = f"{text!r} is not the URL of a proxy, such as https://localhost:8443"
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # the port is not a number
        usable = False
    if not usable:
        raise _wrong(complaint)
    return text


def day(text: str) -> date:
    """Return a date."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _wrong(f"{text!r} is not a date such as 2026-11-27") from None


def since(text: str) -> float:
    """Return the time that ``text`` names, in seconds since the epoch; raises for anything odd."""
    if match := _AGO.fullmatch(text):
        return time.time() - int(match[1]) * UNITS[match[2]]
    try:
        return datetime.fromisoformat(text).timestamp()  # without a zone: this machine's
    except (ValueError, OverflowError, OSError):
        raise _wrong(
            f"{text!r} is not a time: write 7d, 12h, 30m, 2w, or a date such as 2026-11-01"
        ) from None


def _wrong(message: str) -> Exception:
    from argparse import ArgumentTypeError  # noqa: PLC0415 - serving parses no arguments

    return ArgumentTypeError(message)
