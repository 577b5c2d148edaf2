"""``anthropic-proxy``: parses the arguments, runs one command and returns its exit code."""

import os
import sys
from collections.abc import Sequence

from .. import imports
from . import exits, parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    options = parser.parse(sys.argv[1:] if arguments is None else arguments)
    try:
        return int(imports.load(f"cli.{options.command}").run(options))
    except tuple(exits.FAILURES) as exc:
        print(exc, file=sys.stderr)
        return exits.FAILURES[type(exc)]
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:
        return _reader_gone()


def _reader_gone() -> int:
    """Leave without a traceback when whoever read the output has left, as in ``… | head``."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit fails else
    return exits.PIPE_CLOSED
