"""The command line: ``serve`` (the default) and its companions, which `_parser` lists."""

import argparse
import asyncio
import os
import shlex
import shutil
import ssl
import sys
import urllib.request
from collections.abc import Callable, Coroutine, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

from app import __version__, logs, settings
from app.application import create_app
from app.certificates import Certificate, kept
from app.http2 import ProxyEnvironment, Transport
from app.scrubber import rules
from app.scrubber.review import review
from app.server import Addresses, StartError, certificate_of, serve
from app.settings import Settings, SettingsError, blaming, variable
from app.simulator import Simulator
from app.simulator import command as simulate
from app.simulator.load import Load

try:
    import uvloop
except ImportError:  # no wheel for this platform: asyncio's own loop does
    loop_factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    loop_factory = uvloop.new_event_loop

BAD_SETTINGS = 2
NOT_STARTED = 1
NOT_FOUND = 127  # a shell's code for a command that does not exist
FOUND = 1  # `scrub` found something
HEALTH_TIMEOUT = 5.0  # seconds for a proxy to say that it is up
ANY_ADDRESS = {"0.0.0.0": "localhost", "::": "localhost"}  # noqa: S104 - what clients use instead

DESCRIPTION = """\
A transparent reverse proxy between Claude Code, or any Anthropic API client, and the API.
Without a command it serves. Settings are environment variables ANTHROPIC_PROXY_*, or lines of a
.env file in the working directory: `anthropic-proxy check` lists them.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    options = _options(list(sys.argv[1:] if arguments is None else arguments))
    try:
        return int(options.run(options))
    except SettingsError as exc:
        print(exc, file=sys.stderr)
        return BAD_SETTINGS
    except StartError as exc:
        print(exc, file=sys.stderr)
        return NOT_STARTED
    except KeyboardInterrupt:
        return 130


def _options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; what follows ``claude`` is Claude Code's, but for ``--help``."""
    if arguments[:1] != ["claude"] or arguments[1:2] in (["-h"], ["--help"]):
        return _parser().parse_args(arguments)
    options = _parser().parse_args(["claude"])
    options.arguments = arguments[2:] if arguments[1:2] == ["--"] else arguments[1:]
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "anthropic-proxy",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.set_defaults(run=_serve)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, run: Callable[[Any], int], text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    command("serve", _serve, "Run the proxy (the default).")
    claude = command(
        "claude", _claude, "Start Claude Code through the running proxy; nothing is written."
    )
    claude.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="-- ARGS", help="what claude is given"
    )
    command(
        "demo", _demo, "Run the proxy before a simulated API, with a small load; no key needed."
    )
    command("check", _check, "Print the effective settings and what is wrong with them.")
    scrub = command(
        "scrub", _scrub, "Show what the secret scrubber would replace in a file; exit 1 if any."
    )
    scrub.add_argument("file", metavar="FILE|-", help="a request body (JSON) or any text")
    _add_simulate(
        command("simulate", _simulate, "Run a simulated Anthropic API, for demos and tests.")
    )
    return parser


def _demo(_: argparse.Namespace) -> int:
    return _serving(_demonstrate)


async def _demonstrate(loaded: Settings) -> None:
    """Serve in front of a simulator on loopback, with a small load, until a signal comes."""
    certificate = certificate_of(loaded)
    context = _trusting(certificate.ca_file or certificate.cert_file)
    context.check_hostname = False  # the user's own certificate may be for another name
    async with Simulator() as simulator:
        changed = {"upstream_base_url": simulator.url, "access_token": None}
        demo = loaded.model_copy(update=changed)
        transport = Transport(ssl_context=context, proxies=ProxyEnvironment({}))

        def started(at: Addresses) -> None:
            _announce(at, demo)
            load.append(
                asyncio.create_task(
                    Load(f"https://localhost:{at.port}", rate=5.0, verify=context).run()
                )
            )

        load: list[asyncio.Task[None]] = []
        try:
            await serve(create_app(demo, transport), demo, started=started)
        finally:
            for task in load:
                task.cancel()
            await asyncio.gather(*load, return_exceptions=True)


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address (%(default)s)")
    parser.add_argument("--port", type=int, default=8700, help="port (%(default)s)")
    parser.add_argument(
        "--certificate", type=Path, help="certificate chain (PEM); plain HTTP without"
    )
    parser.add_argument("--key", type=Path, help="its private key (PEM)")
    parser.add_argument("--load", metavar="URL", help="send a demo load through this proxy, too")
    parser.add_argument("--load-ca", type=Path, metavar="FILE", help="CA that it is trusted by")
    parser.add_argument("--rate", type=float, default=5.0, help="load, requests/s (%(default)s)")


def _serve(_: argparse.Namespace) -> int:
    return _serving(
        lambda loaded: serve(create_app(loaded), loaded, started=lambda at: _announce(at, loaded))
    )


def _serving(program: Callable[[Settings], Coroutine[Any, Any, None]]) -> int:
    """Run a program that serves: with the settings read, and the logging set up around it."""
    loaded = settings.load()
    log = logs.configure(loaded.log_level, loaded.log_format)
    try:
        for warning in settings.unknown():
            print(f"warning: {warning}", file=sys.stderr)
        _run(program(loaded))
    finally:
        log.close()
    return 0


def _announce(at: Addresses, loaded: Settings) -> None:
    base = f"https://{_client_host(at.host)}:{at.port}"
    pages = f"http://{_client_host(at.host)}:{at.dashboard_port}"
    client = _client(base, at.certificate)
    exports = [f"  export {name}={shlex.quote(value)}" for name, value in client.items()]
    print(
        f"anthropic-proxy {__version__}",
        f"  {base}  ->  {loaded.upstream_base_url}",
        f"  {pages}/dashboard",
        "",
        "Point Claude Code at it:",
        *exports,
        f"or let it be done: {_program()} claude",
        sep="\n",
        flush=True,
    )


def _program() -> str:
    """Return how this program is called from here."""
    name = Path(sys.argv[0]).name
    return name if shutil.which(name) else sys.argv[0]


def _client(base: str, certificate: Certificate) -> dict[str, str]:
    """Return the environment that leads Claude Code through the proxy."""
    trusted = certificate.ca_file or certificate.cert_file
    return {"ANTHROPIC_BASE_URL": base, "NODE_EXTRA_CA_CERTS": str(trusted.resolve())}


def _client_host(host: str) -> str:
    name = ANY_ADDRESS.get(host, host)
    return f"[{name}]" if ":" in name else name


def _claude(options: argparse.Namespace) -> int:
    """Become ``claude``: its exit code and the signals sent to it are its own."""
    loaded = settings.load()
    own = loaded.own_certificate
    certificate = Certificate(*own) if own is not None else kept(loaded.state_dir)
    base = f"https://{_client_host(loaded.host)}:{loaded.port}"
    environment = _client(base, certificate) | {"ENABLE_TOOL_SEARCH": "true"}
    for name in ("NO_PROXY", "no_proxy"):  # an HTTPS_PROXY is for the way behind us
        hosts = (os.environ.get(name, ""), _client_host(loaded.host))
        environment[name] = ",".join(filter(None, hosts))
    _check_up(base, environment["NODE_EXTRA_CA_CERTS"])
    if loaded.access_token is not None:
        mine = f"x-anthropic-proxy-token: {loaded.access_token.get_secret_value()}"
        others = os.environ.get("ANTHROPIC_CUSTOM_HEADERS", "")
        environment["ANTHROPIC_CUSTOM_HEADERS"] = "\n".join(filter(None, (others, mine)))
    if shutil.which("claude") is None:
        print(
            "claude was not found on the PATH: install it with "
            "`npm install -g @anthropic-ai/claude-code`",
            file=sys.stderr,
        )
        return NOT_FOUND
    command = ["claude", *options.arguments]
    return os.execvpe("claude", command, os.environ | environment)  # noqa: S606, S607 - never returns


def _trusting(file: Path | str) -> ssl.SSLContext:
    """Return a context that trusts ``file`` besides; a leaf may be all there is to trust."""
    context = ssl.create_default_context()
    context.load_verify_locations(file)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _check_up(base: str, ca_file: str) -> None:
    try:
        context = _trusting(ca_file)
        if certificate := os.environ.get("CLAUDE_CODE_CLIENT_CERT"):
            context.load_cert_chain(certificate, os.environ.get("CLAUDE_CODE_CLIENT_KEY"))
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        opener.open(f"{base}/health", timeout=HEALTH_TIMEOUT).close()
    except (OSError, HTTPException) as exc:  # URLError and SSLError are OSErrors
        reason = getattr(exc, "reason", None) or exc
        raise StartError(
            f"The proxy does not answer at {base} ({reason}): start it with `anthropic-proxy`, "
            f"or set {variable('port')} to where it listens."
        ) from exc


def _check(_: argparse.Namespace) -> int:
    loaded = settings.load()
    for name, value in settings.effective(loaded).items():
        print(f"{name}={value}")
    for warning in settings.unknown():
        print(f"warning: {warning}", file=sys.stderr)
    create_app(loaded)
    certificate_of(loaded)
    return 0


def _scrub(options: argparse.Namespace) -> int:
    loaded = settings.load()
    with blaming("scrub_detectors", "scrub_rules_file"):
        chosen = rules.load(detectors=loaded.scrub_detectors, file=loaded.scrub_rules_file)
    try:
        text = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    except OSError as exc:
        raise StartError(f"{options.file} cannot be read: {exc.strerror or exc}") from exc
    findings = review(text, chosen)
    for found in findings:
        print(f"{found.path}\t{found.detector}\t{found.preview}…\t{found.placeholder}")
    print(f"{len(findings)} found" if findings else "nothing found", file=sys.stderr)
    return FOUND if findings else 0


def _simulate(options: argparse.Namespace) -> int:
    arguments = simulate.Arguments(
        host=options.host,
        port=options.port,
        certificate=options.certificate,
        key=options.key,
        load=options.load,
        load_ca=options.load_ca,
        rate=options.rate,
    )
    _run(simulate.serve(arguments, announce=lambda url: print(url, flush=True)))
    return 0


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(coroutine)
