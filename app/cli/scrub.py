"""``scrub``: what the secret scrubber would replace in a file."""

import argparse
import sys
from pathlib import Path

from app import settings
from app.cli import exits
from app.scrubber import rules
from app.scrubber.review import review
from app.server import StartError
from app.settings import blaming

NAME = "scrub"
HELP = "Show what the secret scrubber would replace in a file; exit 1 if any."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file."""
    parser.add_argument("file", metavar="FILE|-", help="a request body (JSON) or any text")


def run(options: argparse.Namespace) -> int:
    """Print a line per finding, the values cut short."""
    loaded = settings.load()
    with blaming("scrub_detectors", "scrub_rules_file"):
        chosen = rules.load(detectors=loaded.scrub_detectors, file=loaded.scrub_rules_file)
    try:
        text = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    except OSError as exc:
        raise StartError(f"{options.file} cannot be read: {exc.strerror or exc}") from exc
    findings = review(text, chosen)
    for found in findings:
        print(f"{found.path}\t{found.detector}\t{found.preview}…\t{found.placeholder}")
    print(f"{len(findings)} found" if findings else "nothing found", file=sys.stderr)
    return exits.FOUND if findings else 0
