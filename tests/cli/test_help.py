"""Help, the version, and commands that do not exist."""

import pytest

from app import __version__, cli
from tests.cli.place import Place


def _printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """Return the exit code and what was printed of a command that ends while it is parsed."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    printed = capsys.readouterr()
    return caught.value.code, printed.out + printed.err


COMMANDS = [
    "serve",
    "claude",
    "demo",
    "check",
    "doctor",
    "health",
    "metrics",
    "certificate",
    "scrub",
    "receipts",
    "simulate",
]


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = _printed(["--help"], capsys)
    assert code == 0
    for word in (*COMMANDS, "ANTHROPIC_PROXY_"):
        assert word in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = _printed([command, "--help"], capsys)
    assert code == 0
    assert text.startswith(f"usage: anthropic-proxy {command}")


def test_the_version_is_that_of_the_package(place: Place) -> None:
    assert place.run_python("-m", "app", "--version").stdout == f"anthropic-proxy {__version__}\n"


def test_a_command_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = _printed(["sevre"], capsys)
    assert code == 2
    assert "invalid choice: 'sevre'" in text
