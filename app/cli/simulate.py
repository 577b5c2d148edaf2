"""``simulate``: the simulated API alone, with a load if wanted."""

import argparse
from pathlib import Path

from app.cli.serving import run_loop
from app.simulator import command

NAME = "simulate"
HELP = "Run a simulated Anthropic API, for demos and tests."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where it listens, its certificate and its load."""
    parser.add_argument("--host", default="127.0.0.1", help="address (%(default)s)")
    parser.add_argument("--port", type=int, default=8700, help="port (%(default)s)")
    parser.add_argument(
        "--certificate", type=Path, help="certificate chain (PEM); plain HTTP without"
    )
    parser.add_argument("--key", type=Path, help="its private key (PEM)")
    parser.add_argument("--load", metavar="URL", help="send a demo load through this proxy, too")
    parser.add_argument("--load-ca", type=Path, metavar="FILE", help="CA that it is trusted by")
    parser.add_argument("--rate", type=float, default=5.0, help="load, requests/s (%(default)s)")


def run(options: argparse.Namespace) -> int:
    """Simulate until a signal comes."""
    arguments = command.Arguments(
        host=options.host,
        port=options.port,
        certificate=options.certificate,
        key=options.key,
        load=options.load,
        load_ca=options.load_ca,
        rate=options.rate,
    )
    run_loop(command.serve(arguments, announce=lambda url: print(url, flush=True)))
    return 0
