"""The commands: what they are called, what their help says, which arguments they take.

Nothing that a command runs is imported here: help, completion and errors come at once.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import argument_types

SERVE = "serve"
CLAUDE = "claude"
REMAINDER = "..."  # argparse's own constant
FILE = "FILE"  # the metavar of what is completed as a file's name
DEVELOPERS = 5  # of the demo's load
# Where completions of a user's own are looked for.
_BASH = "~/.local/share/bash-completion/completions/anthropic-proxy"
_FISH = "~/.config/fish/completions/anthropic-proxy.fish"
_OTHER_PORTS = "ANTHROPIC_PROXY_PORT=9443 ANTHROPIC_PROXY_DASHBOARD_PORT=9191"

DESCRIPTION = """\
A transparent reverse proxy between Claude Code, or any other client of the
Anthropic API, and the API. It counts requests, tokens and cost, shows them live,
and can keep secrets on this machine. Without a command it runs the proxy.
"""
SETTINGS = """\
  Settings are environment variables named ANTHROPIC_PROXY_*. They can also be
  lines of ~/.config/anthropic-proxy/env and, except for `claude` and `status`,
  of .env in the working directory. `anthropic-proxy check` prints them all."""

Examples = Sequence[tuple[str, str]]  # a command line, and what it does
EXAMPLES: Examples = (
    ("anthropic-proxy", "Run the proxy. It prints how to point Claude Code at it."),
    ("anthropic-proxy claude", "In another terminal: start Claude Code through the proxy."),
    ("anthropic-proxy demo", "Look around first, without an API key."),
    ("anthropic-proxy COMMAND --help", "Explain one command."),
)


class Argument(NamedTuple):
    """An argument as argparse takes it."""

    names: tuple[str, ...]
    options: dict[str, Any]


def argument(*names: str, **options: Any) -> Argument:
    """Return an argument, written as for ``ArgumentParser.add_argument``."""
    return Argument(names, options)


class Command(NamedTuple):
    """A command; ``description`` is the summary when it is left out."""

    name: str
    summary: str
    usage: str | None = None  # where argparse's own would mislead
    description: str = ""
    examples: Examples = ()
    arguments: Sequence[Argument] = ()
    exclusive: Sequence[Argument] = ()  # of these, only one at a time


COMMANDS = (
    Command(
        name=SERVE,
        summary="Run the proxy. This is the default command.",
        description="Run the proxy until SIGTERM or Ctrl-C; running requests may finish first.",
        examples=(
            ("anthropic-proxy serve", "Listen on port 8443, with the dashboard on port 9090."),
            (
                "ANTHROPIC_PROXY_PORT=9443 anthropic-proxy serve",
                "Listen on another port; every setting is such a variable.",
            ),
        ),
    ),
    Command(
        name=CLAUDE,
        summary="Start Claude Code through the running proxy.",
        usage="anthropic-proxy claude [-h] [--forward] [--] [ARGS ...]",
        description=(
            "Start Claude Code through the running proxy, by environment variables alone: no file\n"
            "is written. All other arguments go to Claude Code, and its exit code is returned."
        ),
        examples=(
            ("anthropic-proxy claude", "Start an interactive session."),
            ('anthropic-proxy claude -- -p "hello"', "Ask one question and print the answer."),
            ("anthropic-proxy claude --forward", "Keep the API's own URL, and all its features."),
        ),
        arguments=(
            argument(
                "--forward",
                action="store_true",
                help="go through the forward proxy (ANTHROPIC_PROXY_FORWARD_PORT) instead of "
                "a base URL; it must come first",
            ),
            argument(
                "arguments",
                nargs=REMAINDER,
                metavar="ARGS",
                help="the arguments of Claude Code",
            ),
        ),
    ),
    Command(
        name="demo",
        summary="Run the proxy in front of a simulated API. No key is needed.",
        description=(
            "Run the proxy in front of a simulated API, with simulated developers at work and the\n"
            "secret scrubber on. No request leaves this machine, and no key is needed."
        ),
        examples=(
            ("anthropic-proxy demo", "Then open the dashboard that it names."),
            (
                f"{_OTHER_PORTS} anthropic-proxy demo",
                "The same, beside a proxy that uses the default ports.",
            ),
        ),
    ),
    Command(
        name="check",
        summary="Print the effective settings and report problems. Writes nothing.",
        description=(
            "Print the effective settings, with secrets masked, and report what is wrong with\n"
            "them and with the files they name. Writes nothing. The exit code is 0 if the proxy\n"
            "could start with these settings, 2 for bad settings and 1 for other problems."
        ),
        examples=(
            ("anthropic-proxy check", "Check before a start or a deployment."),
            ("anthropic-proxy check | grep SCRUB", "Show the settings of the secret scrubber."),
        ),
    ),
    Command(
        name="doctor",
        summary="Check settings, this machine and the connection to the API; suggest fixes.",
        description=(
            "Check settings, certificate, ports, file descriptors, clock and the connection to\n"
            "the API, and suggest a fix for each problem. Writes nothing and sends no key. The\n"
            "exit code is 0 if nothing fails, 1 if something does and 2 for bad settings."
        ),
        examples=(
            ("anthropic-proxy doctor", "Find out why requests do not reach the API."),
            ("anthropic-proxy doctor --contract", "Show that nothing is changed on the way."),
            ("anthropic-proxy doctor --parity", "Show that Claude Code sends the same with it."),
            ("anthropic-proxy doctor --json", "Print it as JSON, for a program."),
        ),
        arguments=(argument("--json", action="store_true", help="print JSON"),),
        exclusive=(
            argument(
                "--contract",
                action="store_true",
                help="check instead that requests and responses pass through unchanged, in front "
                "of a simulated API",
            ),
            argument(
                "--parity",
                action="store_true",
                help="compare instead what your Claude Code sends: directly, behind the base URL, "
                "and through the forward proxy; all to a simulated API",
            ),
        ),
    ),
    Command(
        name="certificate",
        summary="Show the proxy's certificate; create one if there is none.",
        description=(
            "Show the certificate that the proxy presents, its names and its expiry date, and the\n"
            "CA file that clients must trust, with its fingerprint. Creates them if there are none."
        ),
        examples=(
            ("anthropic-proxy certificate", "Compare the fingerprint with that of a download."),
            (
                "ANTHROPIC_PROXY_TLS_NAMES=proxy.example anthropic-proxy certificate",
                "Cover one more name.",
            ),
        ),
    ),
    Command(
        name="health",
        summary="Ask the running proxy whether it is up.",
        description=(
            "Ask the proxy that runs on this machine with these settings whether it is up. The\n"
            "exit code is 0 if it is and 1 if it is not."
        ),
        examples=(
            ("anthropic-proxy health", 'Print {"status":"ok"} if the proxy is up.'),
            ("anthropic-proxy health && anthropic-proxy claude", "Start only if it is up."),
        ),
    ),
    Command(
        name="metrics",
        summary="Print the metrics of the running proxy as JSON.",
        description="Print the metrics of the proxy that runs on this machine, as one JSON object.",
        examples=(
            ("anthropic-proxy metrics > before.json", "Save them, to compare with later ones."),
            ("anthropic-proxy metrics | jq keys", "List the groups of metrics."),
        ),
    ),
    Command(
        name="prices",
        summary="Print the price list in use, or convert a newer one.",
        description=(
            "Print the price list in use, with its date. With --from, convert data of the Python\n"
            "package genai-prices to a price list for ANTHROPIC_PROXY_PRICES_FILE. The exit code\n"
            "is 2 if a file cannot be read."
        ),
        examples=(
            ("anthropic-proxy prices", "Print dollars per million tokens, by model."),
            (
                "anthropic-proxy prices --from data.json > prices.toml",
                "Make a price list from newer data.",
            ),
        ),
        arguments=(
            argument(
                "--from",
                dest="data",
                metavar=FILE,
                type=Path,
                help="data.json or data.py of genai-prices; print it as a price list",
            ),
            argument(
                "--as-of",
                metavar="DATE",
                type=argument_types.day,
                help="date of that data, such as 2026-11-27 (default: the date of the file or of "
                "its latest price)",
            ),
        ),
    ),
    Command(
        name="report",
        summary="Show requests, tokens and cost by day, session, agent, model or label.",
        description=(
            "Show requests, tokens and cost from the ledger, whether or not the proxy runs. The\n"
            "exit code is 2 if there is no ledger to read."
        ),
        examples=(
            ("anthropic-proxy report", "Show one line per day."),
            ("anthropic-proxy report --by model --since 7d", "Show last week by model."),
            (
                "anthropic-proxy report --by session --sort cost --rows 10",
                "Show the most expensive sessions.",
            ),
            ("anthropic-proxy report --by session --csv > sessions.csv", "Make a spreadsheet."),
        ),
        arguments=(
            argument(
                "--by",
                choices=["day", "hour", "session", "agent", "model", "label"],
                help="what each line stands for (default: day)",
            ),
            argument(
                "--label",
                metavar="NAME",
                help="group by the value of this label; --by label may be left out, and where "
                "requests have several labels it needs this",
            ),
            argument(
                "--since",
                metavar="WHEN",
                type=argument_types.since,
                help="how far back: 30m, 12h, 7d, 2w, or a date such as 2026-11-01 (default: all)",
            ),
            argument(
                "--sort",
                choices=["last", "requests", "tokens", "cost"],
                help=(
                    "what comes first: seen last, or the most of the others (default: last for"
                    " sessions, cost for agents, models and labels)"
                ),
            ),
            argument(
                "--rows",
                metavar="N",
                type=argument_types.rows,
                default=50,
                help="sessions, agents or labels in the table (default: %(default)s)",
            ),
        ),
        exclusive=(
            argument("--json", action="store_true", help="print a JSON array"),
            argument("--csv", action="store_true", help="print comma-separated values"),
        ),
    ),
    Command(
        name="status",
        summary="Print what a session used, in a line for Claude Code's status line.",
        description=(
            "Ask the running proxy what a session used and print it in one line, for the status\n"
            "line of Claude Code, which names the session on standard input. Without a session\n"
            "the line shows today's figures. If the proxy does not answer, the line says so; with\n"
            "--format json the exit code is then 1."
        ),
        examples=(
            ("anthropic-proxy status", "Set it as the command of Claude Code's statusLine."),
            (
                "anthropic-proxy status --session ID --format json",
                "Print it as JSON, for a program.",
            ),
        ),
        arguments=(
            argument("--session", metavar="ID", help="the session (default: standard input's)"),
            argument(
                "--format",
                choices=["line", "json"],
                default="line",
                help="form of the output (default: %(default)s)",
            ),
        ),
    ),
    Command(
        name="reconcile",
        summary="Compare the proxy's cost with the cost that Claude Code reports.",
        description=(
            "Compare the cost that the proxy counted with the cost that Claude Code reports for\n"
            "the same session. The exit code is 0 if they are equal, 1 if they differ and 2 if\n"
            "the comparison is not possible."
        ),
        examples=(
            (
                "anthropic-proxy claude -- -p hello --output-format json > result.json",
                "Run a session and keep the result of Claude Code. Then compare:",
            ),
            (
                "anthropic-proxy reconcile result.json",
                "Compare with the running proxy.",
            ),
        ),
        arguments=(
            argument(
                "result", metavar=FILE, help="Claude Code's result as JSON; - reads standard input"
            ),
            argument(
                "--before",
                metavar=FILE,
                type=Path,
                help="output of `anthropic-proxy metrics` from before the session, to leave out "
                "earlier requests",
            ),
            argument(
                "--after",
                metavar=FILE,
                type=Path,
                help="output of `anthropic-proxy metrics` from after the session (default: ask "
                "the running proxy)",
            ),
            argument("--json", action="store_true", help="print the comparison as JSON"),
        ),
    ),
    Command(
        name="scrub",
        summary="Show what the secret scrubber would replace in a file.",
        description=(
            "Show what the secret scrubber would replace in a file, one finding per line, with\n"
            "values shortened. The exit code is 0 if there is nothing to replace, 1 if there is\n"
            "and 2 if the file cannot be read."
        ),
        examples=(
            ("anthropic-proxy scrub .env", "See which secrets would stay on this machine."),
            ("git diff | anthropic-proxy scrub -", "Search standard input."),
        ),
        arguments=(
            argument(
                "file",
                metavar=FILE,
                help="request body (JSON) or any text; - reads standard input",
            ),
        ),
    ),
    Command(
        name="receipts",
        summary="Verify a file of leak receipts.",
        description=(
            "Verify a file of leak receipts. The exit code is 0 if it is unchanged, 1 if it was\n"
            "changed and 2 if it cannot be read. With the scrubber's HMAC key set, as when it was\n"
            "written, a file that was replaced as a whole is found as well."
        ),
        examples=(("anthropic-proxy receipts verify leaks.jsonl", "Check every line."),),
        arguments=(
            argument("action", choices=["verify"], help="check every line of the file"),
            argument(
                "file", metavar=FILE, help="the file that ANTHROPIC_PROXY_SCRUB_RECEIPTS_FILE names"
            ),
        ),
    ),
    Command(
        name="simulate",
        summary="Run the simulated Anthropic API on its own.",
        description=(
            "Run the simulated Anthropic API on its own, for demos and tests, and print its URL.\n"
            "It accepts any key and sends nothing anywhere."
        ),
        examples=(
            ("anthropic-proxy simulate --port 8700", "Then set ANTHROPIC_PROXY_UPSTREAM_BASE_URL."),
            (
                "anthropic-proxy simulate --load https://localhost:8443 --load-ca ca.crt",
                "Send requests of simulated developers through a proxy as well.",
            ),
        ),
        arguments=(
            argument(
                "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
            ),
            argument(
                "--port",
                type=argument_types.port,
                default=8700,
                help="port; 0 for a free one (default: %(default)s)",
            ),
            argument(
                "--certificate",
                metavar=FILE,
                type=Path,
                help="certificate chain in PEM (default: plain HTTP)",
            ),
            argument("--key", metavar=FILE, type=Path, help="its private key in PEM"),
            argument(
                "--load",
                type=argument_types.url,
                metavar="URL",
                help="send requests of simulated developers to the proxy at this URL",
            ),
            argument(
                "--load-ca",
                metavar=FILE,
                type=Path,
                help="CA that signed its certificate",
            ),
            argument(
                "--developers",
                type=argument_types.developers,
                default=DEVELOPERS,
                metavar="N",
                help="number of simulated developers (default: %(default)s)",
            ),
        ),
    ),
    Command(
        name="completion",
        summary="Print a completion script for bash, zsh or fish.",
        description="Print a script that lets the shell complete commands, options and files.",
        examples=(
            (f"anthropic-proxy completion bash > {_BASH}", "bash, with bash-completion"),
            ('anthropic-proxy completion zsh > "${fpath[1]}/_anthropic-proxy"', "zsh"),
            (f"anthropic-proxy completion fish > {_FISH}", "fish"),
        ),
        arguments=(argument("shell", choices=["bash", "zsh", "fish"], help="the shell"),),
    ),
)
