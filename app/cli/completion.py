"""``completion``: prints what lets a shell complete the command line."""

import argparse

import shtab

from . import parser
from .commands import COMMANDS, FILE


def run(options: argparse.Namespace) -> int:
    """Print the script for one shell."""
    print(shtab.complete(_completed(parser.build()), shell=options.shell))
    return 0


def _completed(built: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Show the commands, and mark the arguments that are names of files."""
    for action in built._actions:  # noqa: SLF001 - as shtab itself does: argparse has no public list
        if action.metavar == FILE:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            action.help = None  # hidden from our help, which lists the commands in its own way
            for command in COMMANDS:
                choice = action.choices[command.name]
                choice.description = command.summary  # of a description shtab shows the first line
                _completed(choice)
    return built
