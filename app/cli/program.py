"""``anthropic-proxy``: parses the arguments, runs one command and returns its exit code."""

import errno
import os
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from .. import imports
from . import exits
from .commands import COMMANDS, SERVE

PLAIN = [[each.name] for each in COMMANDS if not (each.arguments or each.exclusive)]
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
    options = parse(arguments)
    return int(imports.load(f"cli.{options.command}").run(options))


def parse(arguments: Sequence[str]) -> Any:
    """Return the options; a command without arguments needs no parser.

    It takes a twelfth of the time until the proxy listens.
    """
    named = [*arguments] or [SERVE]
    if named in PLAIN:
        return SimpleNamespace(command=named[0])
    from . import parser  # noqa: PLC0415 - see above

    return parser.parse(arguments)


def _discard_output() -> None:
    """Let the flush at the end of the process succeed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
