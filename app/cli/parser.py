"""From the list of commands to an argparse parser, and from the arguments to its result.

argparse stays: it is in the standard library, quick to import, and ``shtab`` makes completions for
bash, zsh and fish of its parsers, so that a larger library would bring nothing more.
"""

import argparse
import difflib
import sys
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn

from . import colours
from .commands import CLAUDE, COMMANDS, DESCRIPTION, EXAMPLES, SERVE, SETTINGS, Command
from .version import version

NAME = "anthropic-proxy"
COLUMNS = 30  # at which explanations begin
LIKE = 0.7  # how like a command a word must be that is meant for it; `help` is less like `health`


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; everything after ``claude`` is passed through, except ``--help``.

    ``--forward`` is ours if it comes first.
    """
    if arguments[:1] != [CLAUDE] or arguments[1:2] in (["-h"], ["--help"]):
        return build().of(arguments)
    forward = arguments[1:2] == ["--forward"]
    passed = list(arguments[2 if forward else 1 :])
    if passed[:1] == ["--"]:
        del passed[0]
    return argparse.Namespace(command=CLAUDE, forward=forward, arguments=passed)


def build() -> "_Parser":
    """Return the parser of the whole command line."""
    parser = _Parser(
        NAME,
        usage=f"{NAME} [-h] [--version] [COMMAND ...]",
        description=f"{DESCRIPTION}\n{_overview()}",
        epilog=f"settings:\n{SETTINGS}\n\n{_listed(EXAMPLES)}",
        formatter_class=_Formatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version()}")
    parser.set_defaults(command=SERVE)
    # argparse's own list of them is not aligned: `_overview` is shown instead.
    commands = parser.add_subparsers(prog=NAME, metavar="COMMAND", help=argparse.SUPPRESS)
    parser.commands = commands.choices
    for command in COMMANDS:
        _add(command, commands)
    return parser


def _add(command: Command, commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser(
        command.name,
        usage=command.usage,
        help=command.summary,
        description=command.description or command.summary,
        epilog=_listed(command.examples),
        formatter_class=_Formatter,
    )
    parser.set_defaults(command=command.name)
    for argument in command.arguments:
        parser.add_argument(*argument.names, **argument.options)
    if command.exclusive:
        group = parser.add_mutually_exclusive_group()
        for argument in command.exclusive:
            group.add_argument(*argument.names, **argument.options)


def _overview() -> str:
    width = max(len(command.name) for command in COMMANDS)
    rows = (f"  {command.name.ljust(width)}  {command.summary}" for command in COMMANDS)
    return "\n".join(["commands:", *rows])


def _listed(examples: Iterable[tuple[str, str]]) -> str:
    """Return examples as lines, what they do below each."""
    return "\n".join(["examples:", *(f"  {line}\n      {meaning}" for line, meaning in examples)])


class _Parser(argparse.ArgumentParser):
    """Prints its help in colours where they are wanted, the same in every version of Python.

    State: ``commands`` are those of the whole command line; of what is ``given`` to be parsed,
    an error names the settings.
    """

    commands: "Mapping[str, _Parser]" = MappingProxyType({})
    given: Sequence[str] = ()

    def of(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse the whole command line; what a command does not take is its own error."""
        self.given = arguments
        options, unknown = self.parse_known_args(arguments)
        if unknown:
            command = self.commands[options.command]
            command.given = unknown
            command.error(f"unrecognized arguments: {' '.join(unknown)}")
        return options

    def error(self, message: str) -> NoReturn:
        """Print usage and ``message``, with the setting that an option looks like, and exit."""
        hints = dict.fromkeys(filter(None, [self._meant(), *map(_setting, self.given)]))
        super().error("\n".join([message, *hints]))

    def _meant(self) -> str | None:
        """Return what to do about a word that is no command."""
        word = next(iter(self.given), "-")
        if not self.commands or word.startswith("-") or word in self.commands:
            return None
        near = difflib.get_close_matches(word, self.commands, n=1, cutoff=LIKE)
        asked = f"did you mean {near[0]}? " if near else ""
        return f"there is no command {word}: {asked}`{NAME} --help` explains all of them"

    def print_help(self, file: Any = None) -> None:
        """Print the help."""
        self.color = False  # Python 3.14 has colours of its own
        stream, text = file or sys.stdout, self.format_help()
        stream.write(colours.coloured(text) if colours.wanted(stream) else text)


def _setting(argument: str) -> str | None:
    """Return how to set what an option such as ``--port`` names, if it is a setting."""
    if not argument.startswith("--"):
        return None
    from ..settings import Settings, variable  # noqa: PLC0415 - only for an error

    option = argument.partition("=")[0]
    name = option.removeprefix("--").replace("-", "_").lower()
    if name not in Settings.model_fields:
        return None
    return f"{option} is no option: set {variable(name)} in the environment or a settings file"


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps our line breaks, and explanations in one column."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=COLUMNS)
