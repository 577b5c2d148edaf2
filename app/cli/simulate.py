"""``simulate``: the simulated API alone, with a load if wanted."""

import argparse
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from ..http2 import ProxyEnvironment, Transport
from ..server import StartError
from ..settings import SettingsError
from .serving import run_loop
from .simulation import command, load

NAME = "simulate"
HELP = "Run a simulated Anthropic API, for demos and tests."
PORTS = range(2**16)  # 0 is a free one
MOST_DEVELOPERS = 1000
NEEDS = {"key": "certificate", "load_ca": "load"}  # options that would be ignored alone


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where it listens, its certificate and its load."""
    parser.add_argument("--host", default="127.0.0.1", help="address (%(default)s)")
    parser.add_argument("--port", type=_port, default=8700, help="port (%(default)s), 0: any")
    parser.add_argument(
        "--certificate", type=Path, help="certificate chain (PEM); plain HTTP without"
    )
    parser.add_argument("--key", type=Path, help="its private key (PEM)")
    parser.add_argument(
        "--load", type=_url, metavar="URL", help="send a demo load through this proxy, too"
    )
    parser.add_argument("--load-ca", type=Path, metavar="FILE", help="CA that it is trusted by")
    parser.add_argument(
        "--developers",
        type=_developers,
        default=load.DEVELOPERS,
        metavar="N",
        help="how many of them work in the demo load (%(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    """Simulate until a signal comes."""
    for name, needed in NEEDS.items():
        if getattr(options, name) is not None and getattr(options, needed) is None:
            raise SettingsError(f"--{name.replace('_', '-')} is of no use without --{needed}")
    arguments = command.Arguments(
        host=options.host,
        port=options.port,
        certificate=options.certificate,
        key=options.key,
        load=options.load,
        load_ca=options.load_ca,
        developers=options.developers,
    )
    try:
        run_loop(command.serve(arguments, announce=_announce, transporter=_transport))
    except command.Unusable as exc:
        raise StartError(f"{exc.what}: {_reason(exc.__cause__)}") from exc
    return 0


def _announce(url: str) -> None:
    print(url, flush=True)


def _transport(context: ssl.SSLContext) -> Transport:
    return Transport(ssl_context=context, proxies=ProxyEnvironment({}))


def _reason(exc: BaseException | None) -> str:
    if isinstance(exc, ssl.SSLError):
        return f"not a PEM certificate with its unencrypted key ({exc.reason or exc})"
    return str(exc.strerror or exc) if isinstance(exc, OSError) else str(exc)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) not in PORTS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to {PORTS[-1]}")
    return int(text)


def _developers(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_DEVELOPERS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_DEVELOPERS}")
    return int(text)


def _url(text: str) -> str:
    complaint = f"{text!r} is not the URL of a proxy, such as https://localhost:8443"
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is none
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(complaint)
    return text
