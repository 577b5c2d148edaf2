"""``receipts verify``: whether a file of leak receipts is unchanged."""

import argparse
import sys
from pathlib import Path

from .. import settings
from ..scrubber.redact.receipts import read_head, sealing_key, verify
from . import exits
from .unreadable import unreadable


def run(options: argparse.Namespace) -> int:
    """Print what is wrong with the file, if anything."""
    secret = settings.load().scrub_hmac_key
    key = None if secret is None else sealing_key(bytes.fromhex(secret.get_secret_value()))
    path = Path(options.file)
    try:
        with path.open("rb") as lines:
            kept = _kept(path)
            head = None if kept is None else read_head(kept, key)
            verdict = verify(lines, key, head)
    except (OSError, ValueError) as exc:
        print(unreadable(path, exc), file=sys.stderr)
        return exits.UNREADABLE
    if verdict.fault is not None:
        print(f"{path}: line {verdict.good + 1} {verdict.fault}", file=sys.stderr)
        return exits.CHANGED
    if kept is not None and head is None:
        print(f"{path}.head was changed", file=sys.stderr)
        return exits.CHANGED
    for note in _notes(path, sealed=key is not None, complete=kept is not None):
        print(note, file=sys.stderr)
    print(f"{verdict.good} receipts are unchanged")
    return 0


def _kept(path: Path) -> bytes | None:
    try:
        return path.with_name(path.name + ".head").read_bytes()
    except FileNotFoundError:
        return None


def _notes(path: Path, *, sealed: bool, complete: bool) -> list[str]:
    """Return what could not be checked."""
    notes = []
    if not sealed:
        notes.append(
            f"{settings.variable('scrub_hmac_key')} is not set: anyone who can write the file "
            "could have forged the whole chain."
        )
    if not complete:
        notes.append(f"{path}.head is missing: lines may have been removed from the end.")
    return notes
