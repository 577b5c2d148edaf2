"""Labels of a request: ``x-anthropic-proxy-labels: team=a,repo=acme/widgets``. Pure.

Clients choose them, so they are bounded: at most `MAX_LABELS` labels in `LIMIT` bytes, names and
values of a few characters. A label that does not fit is left out, and the others stay. Of two
with one name the first counts.
"""

import re
from collections.abc import Iterable, Mapping

LIMIT = 1_024  # bytes of the field, all lines of it together
MAX_LABELS = 8
LONGEST = 100  # characters of a value

NAME = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@+-]{0,99}", re.ASCII)
_ODD = re.compile(r"[^A-Za-z0-9_.:/@+-]+", re.ASCII)


def read_labels(values: Iterable[bytes]) -> dict[str, str]:
    """Read the lines of the header field."""
    text = b",".join(values)
    if len(text) > LIMIT:
        return {}
    pairs = [pair.partition("=") for pair in text.decode("latin-1").split(",")]
    read = [(name.strip().lower(), value.strip()) for name, _, value in pairs]
    labels: dict[str, str] = {}
    for name, value in read:
        if NAME.fullmatch(name) and VALUE.fullmatch(value) and len(labels) < MAX_LABELS:
            labels.setdefault(name, value)
    return labels


def write_labels(labels: Mapping[str, str]) -> str:
    """Return labels as the header field and the ledger have them, sorted by name."""
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def fitting(text: str) -> str | None:
    """Return ``text`` as the value of a label, odd characters replaced; None if nothing is left."""
    value = _ODD.sub("-", text).lstrip("_.:/@+-")[:LONGEST]
    return value or None
