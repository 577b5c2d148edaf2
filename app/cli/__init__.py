"""The command line: one module per command.

``program`` parses the arguments and runs a command; ``serving`` runs what serves and announces it;
``client`` is what a client needs to reach the proxy; ``exits`` are the exit codes. A command's
module has `NAME`, `HELP`, `add_arguments` and `run`.
"""

from app.cli.program import main

__all__ = ["main"]
