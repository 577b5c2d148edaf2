"""``anthropic-proxy``: parses the arguments, runs one command and returns its exit code."""

import argparse
import sys
from collections.abc import Sequence

from .. import __version__
from . import (
    certificate,
    check,
    claude,
    demo,
    doctor,
    exits,
    health,
    metrics,
    prices,
    receipts,
    reconcile,
    report,
    scrub,
    serve,
    simulate,
)
from .serving import FAILURES

COMMANDS = (
    serve,
    claude,
    demo,
    check,
    doctor,
    certificate,
    health,
    metrics,
    prices,
    reconcile,
    report,
    scrub,
    receipts,
    simulate,
)

DESCRIPTION = """\
A transparent reverse proxy between Claude Code, or any Anthropic API client, and the API.
Without a command it serves. Settings are environment variables ANTHROPIC_PROXY_*, or lines of
~/.config/anthropic-proxy/env; `serve` also reads .env in the working directory, `claude` never
does. `anthropic-proxy check` lists them.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    options = _options(list(sys.argv[1:] if arguments is None else arguments))
    try:
        return int(options.run(options))
    except tuple(FAILURES) as exc:
        print(exc, file=sys.stderr)
        return FAILURES[type(exc)]
    except KeyboardInterrupt:
        return exits.INTERRUPTED


def _options(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line; everything after ``claude`` is passed through, except ``--help``."""
    if arguments[:1] != [claude.NAME] or arguments[1:2] in (["-h"], ["--help"]):
        return _parser().parse_args(arguments)
    options = _parser().parse_args([claude.NAME])
    options.arguments = arguments[2:] if arguments[1:2] == ["--"] else arguments[1:]
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "anthropic-proxy",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.set_defaults(run=serve.run)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        added = commands.add_parser(command.NAME, help=command.HELP, description=command.HELP)
        added.set_defaults(run=command.run)
        command.add_arguments(added)
    return parser
