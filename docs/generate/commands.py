"""The command line: each command with its options and examples."""

from collections.abc import Iterable

from app.cli import parser
from app.cli.commands import COMMANDS, Argument, Command
from docs.generate.markdown import code
from docs.generate.markdown import table as rows_of


def options(command: Command) -> Iterable[Argument]:
    """Return the arguments and options of a command."""
    return (*command.arguments, *command.exclusive)


def reference() -> str:
    """Return a section for each command."""
    return "\n\n".join(_section(command) for command in COMMANDS)


def _section(command: Command) -> str:
    text = " ".join((command.description or command.summary).split())
    parts = [f"### {parser.NAME} {command.name}", text]
    rows = [(code(name), meaning) for name, meaning in map(signature, options(command))]
    parts += [rows_of(("Argument", "Meaning"), rows)] if rows else []
    lines = [f"{line}\n    # {meaning}" for line, meaning in command.examples]
    return "\n\n".join([*parts, "```\n" + "\n".join(lines) + "\n```"])


def signature(argument: Argument) -> tuple[str, str]:
    """Return an argument as a user types it, and its meaning."""
    given = argument.options
    meaning = str(given["help"]) % {"default": given.get("default")}
    one_of = ",".join(given.get("choices", ()))
    choices = f"{{{one_of}}}" if "," in one_of else one_of  # as the help writes them
    name = argument.names[0]
    if not name.startswith("-"):
        return given.get("metavar") or choices or name, meaning
    if given.get("action") == "store_true":
        return name, meaning
    return f"{name} {given.get('metavar') or choices or name.lstrip('-').upper()}", meaning
