"""The command line's help: every example is one that the program takes."""

import re
import shlex
import subprocess

import pytest

import simulator.load
from app import cli
from app.cli import commands, parser, program, report
from app.cli.commands import COMMANDS, EXAMPLES
from app.ledger import queries
from tests.programs import require

PROGRAM = "anthropic-proxy"


def _examples() -> list[str]:
    own = [line for command in COMMANDS for line, _ in command.examples]
    return [line for line, _ in EXAMPLES if "COMMAND" not in line] + own


def _invocations(example: str) -> list[list[str]]:
    """Return the arguments of each call of the program in a line for a shell."""
    words = shlex.shlex(example, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    calls: list[list[str]] = [[]]
    for word in words:
        if word in ("|", "&&", ">"):
            calls.append([])
        else:
            calls[-1].append(word)
    named = [[word for word in call if not re.match(r"[A-Z_]+=", word)] for call in calls]
    return [call[1:] for call in named if call[:1] == [PROGRAM]]


@pytest.mark.parametrize("example", _examples())
def test_every_example_is_understood(example: str) -> None:
    invocations = _invocations(example)
    assert invocations
    for arguments in invocations:
        named = next((word for word in arguments if not word.startswith("-")), commands.SERVE)
        assert parser.parse(arguments).command == named


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_examples_of_itself(command: commands.Command) -> None:
    assert command.examples
    for example, meaning in command.examples:
        called = [arguments[0] for arguments in _invocations(example)]
        assert command.name in called or called == [commands.CLAUDE]
        assert meaning


@pytest.mark.parametrize("command", ["", *(command.name for command in COMMANDS)])
def test_no_line_of_the_help_is_wider_than_a_terminal(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        cli.main([*command.split(), "--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100


def test_a_command_without_arguments_is_parsed_as_argparse_does_it() -> None:
    named = [[], *program.PLAIN]
    assert [commands.SERVE] in named
    for arguments in named:
        assert vars(program.parse(arguments)) == vars(parser.build().of(arguments))


def test_arguments_of_claude_are_passed_on_as_they_are() -> None:
    for arguments in (["--version"], ["-p", "--", "x"], ["--", "--help"], []):
        parsed = parser.parse(["claude", *arguments])
        expected = arguments[1:] if arguments[:1] == ["--"] else arguments
        assert (parsed.command, parsed.arguments) == ("claude", expected)


def test_forward_is_an_argument_of_the_launcher_where_it_comes_first() -> None:
    for given, passed, forward in (
        (["--forward"], [], True),
        (["--forward", "--", "-p", "x"], ["-p", "x"], True),
        (["--forward", "-p", "x"], ["-p", "x"], True),
        (["-p", "--forward"], ["-p", "--forward"], False),
        (["--", "--forward"], ["--forward"], False),
    ):
        parsed = parser.parse(["claude", *given])
        assert (parsed.arguments, parsed.forward) == (passed, forward)


@pytest.mark.parametrize(
    ("arguments", "usage", "hints"),
    [
        ("--port 9443", "anthropic-proxy [-h]", ["--port"]),
        ("serve --port=9443 --tls-names x", "anthropic-proxy serve", ["--port", "--tls-names"]),
        ("--host=::1", "anthropic-proxy serve", ["--host"]),
        ("doctor --nope", "anthropic-proxy doctor", []),
        ("simulate --port 0 --workers 2", "anthropic-proxy simulate", ["--workers"]),
        ("report extra", "anthropic-proxy report", []),
        ("servee", "anthropic-proxy [-h]", []),
    ],
)
def test_what_a_command_does_not_take_is_its_error_and_settings_are_named(
    arguments: str, usage: str, hints: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser.parse(arguments.split())
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"usage: {usage}")
    expected = [
        f"{option} is no option: set ANTHROPIC_PROXY_{option[2:].replace('-', '_').upper()} "
        "in the environment or a settings file"
        for option in hints
    ]
    assert [line for line in said.splitlines() if " is no option" in line] == expected


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("statsu", "there is no command statsu: did you mean status? `anthropic-proxy --help`"),
        ("help", "there is no command help: `anthropic-proxy --help` explains all of them"),
    ],
)
def test_a_word_that_is_no_command_is_told_the_nearest(
    word: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser.parse([word])
    assert capsys.readouterr().err.splitlines()[-1].startswith(advice)


def test_the_load_has_as_many_developers_as_the_help_says() -> None:
    assert commands.DEVELOPERS == simulator.load.DEVELOPERS


def test_a_report_can_be_made_by_everything_that_the_help_names() -> None:
    [command] = [command for command in COMMANDS if command.name == "report"]
    [by] = [one for one in command.arguments if "--by" in one.names]
    assert by.options["choices"] == [*report.TABLES, "label"]
    [sort] = [one for one in command.arguments if "--sort" in one.names]
    assert sort.options["choices"] == [*queries.SORTS] == [*report.ORDERS]
    assert "default: last for sessions, cost for agents, models and labels" in sort.options["help"]
    assert queries.DEFAULT_SORTS == {
        "session": "last",
        "agent": "cost",
        "model": "cost",
        "label": "cost",
    }


def _completed(*words: str, script: str) -> set[str]:
    """Return what bash offers for the last of ``words``."""
    program = f"""{script}
    COMP_WORDS=({shlex.join([PROGRAM, *words])}); COMP_CWORD={len(words)}
    $(complete -p {PROGRAM} | sed 's/.*-F \\([^ ]*\\).*/\\1/')
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    bash = require("bash", "bash")
    return set(subprocess.check_output([bash, "-c", program], text=True).split())


@pytest.mark.external
def test_bash_completes_commands_options_choices_and_files(
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert cli.main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    monkeypatch.chdir(tmp_path_factory.mktemp("files"))
    (tmp_path_factory.getbasetemp() / "files0" / "result.json").touch()
    assert _completed("rec", script=script) == {"reconcile", "receipts"}
    assert _completed("simulate", "--lo", script=script) == {"--load", "--load-ca"}
    assert _completed("completion", "", script=script) >= {"bash", "zsh", "fish"}
    assert "result.json" in _completed("reconcile", "res", script=script)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_names_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert [command.name for command in COMMANDS if command.name not in script] == []
    if shell != "bash":  # which shows names only
        begun = {one.name: one.summary.partition("'")[0] for one in COMMANDS}  # quoted from there
        assert [name for name, summary in begun.items() if summary not in script] == []


@pytest.mark.parametrize("both", ["doctor --contract --parity", "report --json --csv"])
def test_what_excludes_another_is_refused_beside_it(
    both: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser.parse(both.split())
    assert "not allowed with" in capsys.readouterr().err
