"""The command line: one module per command, imported when that command runs.

``commands`` lists the commands, their help and their arguments; ``parser`` turns it into an
argparse parser, with ``argument_types`` and ``colours``. ``program`` runs the command that was
asked for. Serving commands share ``serving``, which runs and announces the proxy; those that ask a
running proxy share ``asking``, and ``client`` says where it is. ``forward`` and ``repository`` are
what ``claude`` needs, ``demo_history`` what ``demo`` does. ``hints`` names commands as they can be
typed, ``unreadable`` a file that cannot be read; ``simulation`` is the simulator, ``version`` is
what ``--version`` prints, and ``exits`` are the exit codes.

``--version`` and ``--help`` import none of what serves: keep ``commands``, ``parser`` and
``program`` free of such imports.
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
