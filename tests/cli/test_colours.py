"""The help is coloured on a terminal, and the same text without."""

import io
import os
import pty
import re
import subprocess
import sys

import pytest

from app.cli import colours, parser
from app.cli.commands import COMMANDS

CODES = re.compile(r"\x1b\[\d*m")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _help(command: str) -> str:
    built = parser.build()
    if not command:
        return built.format_help()
    [commands] = [action for action in built._actions if isinstance(action.choices, dict)]
    assert isinstance(commands.choices, dict)
    return str(commands.choices[command].format_help())


@pytest.mark.parametrize("command", ["", *(command.name for command in COMMANDS)])
def test_colours_change_no_letter_of_any_help(command: str) -> None:
    text = _help(command)
    coloured = colours.coloured(text)
    assert CODES.sub("", coloured) == text
    assert f"{colours.BOLD}usage:{colours.END}" in coloured
    assert f"{colours.BOLD}examples:{colours.END}" in coloured
    assert f"  {colours.NAME}-h, --help{colours.END}" in coloured


def test_commands_are_coloured_by_name() -> None:
    coloured = colours.coloured(_help(""))
    for command in COMMANDS:
        assert f"  {colours.NAME}{command.name}{colours.END}" in coloured


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_are_for_terminals_whose_users_do_not_object(
    environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert colours.wanted(Terminal()) is expected
    assert not colours.wanted(io.StringIO())


@pytest.mark.parametrize("arguments", [("--help",), ("report", "--help")])
def test_a_terminal_gets_colours_and_a_pipe_none(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "app", *arguments]
    environment = {name: text for name, text in os.environ.items() if name != "NO_COLOR"}
    environment |= {"TERM": "xterm", "COLUMNS": "100"}
    piped = subprocess.check_output(command, env=environment, text=True)
    terminal, other = pty.openpty()
    with subprocess.Popen(command, env=environment, stdout=other, close_fds=True) as process:
        os.close(other)
        shown = b""
        while piece := _read(terminal):
            shown += piece
        process.wait()
    os.close(terminal)
    assert CODES.search(piped) is None
    assert CODES.sub("", shown.decode().replace("\r\n", "\n")) == piped
    assert CODES.search(shown.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the program has ended: Linux says so by an error
        return b""
