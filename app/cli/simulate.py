"""``simulate``: the simulated API on its own, with a load on request."""

import argparse
import ssl

from ..failures import SettingsError
from ..http2 import ProxyEnvironment, Transport
from ..server.loop import run_loop
from ..server.port_failure import port_failure, reason
from .simulation import command

NEEDS = {"key": "certificate", "load_ca": "load"}  # options that would be ignored alone


def run(options: argparse.Namespace) -> int:
    """Simulate until a signal comes."""
    for name, needed in NEEDS.items():
        if getattr(options, name) is not None and getattr(options, needed) is None:
            raise SettingsError(f"--{name.replace('_', '-')} requires --{needed}")
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
        raise SettingsError(f"{exc.option} {exc.file}: {_reason(exc.cause)}") from exc
    except command.NoPort as exc:
        raise port_failure(
            exc.cause,
            options.host,
            options.port,
            at=f"--port {options.port}",
            sets_port="--port",
            sets_host="--host",
        ) from exc
    return 0


def _announce(url: str) -> None:
    print(url, flush=True)


def _transport(context: ssl.SSLContext) -> Transport:
    return Transport(ssl_context=context, proxies=ProxyEnvironment({}))


def _reason(exc: OSError | ValueError) -> str:
    if isinstance(exc, ssl.SSLError):
        return f"not a PEM certificate with its unencrypted key ({exc.reason or exc})"
    return reason(exc)
