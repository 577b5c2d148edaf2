"""The manual page (roff, man(7)), of the same list of commands as ``--help``."""

from pathlib import Path

from app import __version__, cli
from app.cli import parser
from app.cli.commands import COMMANDS, DESCRIPTION, EXAMPLES, SETTINGS, Command, Examples
from docs.generate.commands import options, signature

PAGE = Path(cli.__file__).parent / "anthropic-proxy.1"
HOMEPAGE = "https://anthropic-proxy.github.io/anthropic-proxy/"


def page() -> str:
    """Return the manual page."""
    parts = [
        '.\\" Made from app/cli/commands.py by `make docs`. Do not edit.',
        # Commands are copied from here: no word is cut by a hyphen, no space made wider.
        f'.TH ANTHROPIC-PROXY 1 "" "anthropic-proxy {__version__}" "User Commands"',
        ".nh\n.ad l",
        ".SH NAME",
        f"{_text(parser.NAME)} \\- transparent reverse proxy for the Anthropic API",
        ".SH SYNOPSIS",
        ".B anthropic\\-proxy\n[\\-h] [\\-\\-version] [COMMAND ...]",
        ".SH DESCRIPTION",
        _text(DESCRIPTION),
        ".SH COMMANDS",
        *map(_command, COMMANDS),
        ".SH SETTINGS",
        _text(" ".join(SETTINGS.split())),
        ".SH EXAMPLES",
        _examples(EXAMPLES),
        ".SH SEE ALSO",
        f".UR {HOMEPAGE}\n.UE",
    ]
    return "\n".join(parts) + "\n"


def _command(command: Command) -> str:
    parts = [f".SS {_text(command.name)}", _text(command.description or command.summary)]
    for one in options(command):
        name, meaning = signature(one)
        parts += [".TP", f".B {_text(name)}", _text(meaning)]
    return "\n".join([*parts, ".PP", _examples(command.examples)])


def _examples(examples: Examples) -> str:
    return "\n".join(f".TP\n.B {_text(line)}\n{_text(meaning)}" for line, meaning in examples)


def _text(text: str) -> str:
    r"""Return text as roff: ``\`` and ``-`` are themselves, no line begins a request."""
    escaped = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    escaped = escaped.replace('"', "\\(dq")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
