"""``anthropic-proxy``: parses the arguments, runs one command and returns its exit code."""

import errno
import os
import sys
from collections.abc import Sequence

from .. import imports
from . import exits, parser

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    try:
        try:
            return _run(sys.argv[1:] if arguments is None else arguments)
        finally:
            if sys.stdout is not None:  # a process may be started without one
                sys.stdout.flush()  # while an error can still be reported
    except exits.FAILURES as exc:
        print(exc, file=sys.stderr)
        return exits.code_of(exc)
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:  # whoever read the output has left, as in ``… | head``
        _discard_output()
        return exits.PIPE_CLOSED
    except OSError as exc:
        if exc.errno not in NO_ROOM:
            raise
        _discard_output()
        print(f"Writing failed: {exc.strerror}.", file=sys.stderr)
        return exits.NOT_WRITTEN


def _run(arguments: Sequence[str]) -> int:
    options = parser.parse(arguments)
    return int(imports.load(f"cli.{options.command}").run(options))


def _discard_output() -> None:
    """Let the flush at the end of the process succeed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
