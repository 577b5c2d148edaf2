"""``scrub``: what the secret scrubber would replace in a file."""

import argparse
import sys
from pathlib import Path

from .. import settings
from ..factories.scrubbing import load_rules
from ..scrubber.placeholders import Scheme
from ..scrubber.review import review
from ..settings import Settings, variable
from . import exits
from .unreadable import unreadable


def run(options: argparse.Namespace) -> int:
    """Print a line per finding, the values cut short."""
    loaded = settings.load()
    chosen = load_rules(loaded)
    try:
        text = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    except (OSError, ValueError) as exc:
        print(unreadable(options.file, exc), file=sys.stderr)
        return exits.UNREADABLE
    findings = review(text, chosen, _scheme(loaded))
    for found in findings:
        print(
            f"{found.path}\t{found.detector}\t{found.preview}…\t{found.placeholder}\t"
            f"restored: {found.restored}"
        )
    print(f"{len(findings)} found" if findings else "nothing found", file=sys.stderr)
    if loaded.scrub_hmac_key is None and any(found.tier == "identifier" for found in findings):
        print(
            f"{variable('scrub_hmac_key')} is not set: with a key, the placeholders of identifiers "
            "have other digits.",
            file=sys.stderr,
        )
    return exits.FOUND if findings else 0


def _scheme(loaded: Settings) -> Scheme:
    key = loaded.scrub_hmac_key
    secret = b"" if key is None else bytes.fromhex(key.get_secret_value())
    return Scheme(loaded.scrub_placeholder_style, secret)
