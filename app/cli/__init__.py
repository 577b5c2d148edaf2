"""The command line: one module per command.

``program`` parses the arguments and runs a command; ``serving`` runs what serves and announces it;
``client`` is what a client needs to reach the proxy; ``hints`` names commands as they can be typed;
``exits`` are the exit codes. A command's module has `NAME`, `HELP`, `add_arguments` and `run`.
"""

from collections.abc import Sequence

from . import exits


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    try:
        # Everything else is imported here, so that Ctrl-C meanwhile ends it without a traceback.
        from . import program  # noqa: PLC0415
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    return program.main(arguments)
