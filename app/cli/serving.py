"""Runs a program that serves, on the fastest event loop, and announces where it listens."""

import shlex
import sys
import textwrap
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from .. import __version__, logs, settings
from ..caller import contained
from ..server.addresses import Addresses
from ..server.loop import run_loop
from ..settings import Settings, variable
from ..telemetry.facts import Facts, ScrubFacts
from . import client, exits, hints

log = structlog.get_logger(__name__)

WIDTH = 100  # columns of the banner
FORWARD_HINT = "(add --forward to use the forward proxy and keep the API's own URL)"
PUBLISHED = "(with the numbers under which the container's ports are published)"
SIMULATED = "Demo: all answers are simulated. No request leaves this machine, and no key is needed."


def serving(program: Callable[[Settings], Coroutine[Any, Any, None]]) -> int:
    """Read the settings, set up logging and run a program that serves."""
    as_json = settings.given("log_format").lower() == "json"
    sink = logs.configure(format="json" if as_json else "auto")
    try:
        loaded = settings.load()
        sink.close()
        sink = logs.configure(loaded.log_level, loaded.log_format)
        for warning in settings.unknown():
            _warn(warning, loaded)
        run_loop(program(loaded))
    except exits.FAILURES as exc:
        if not as_json:
            raise
        log.error("not started", reason=str(exc))  # noqa: TRY400 - for people, without a traceback
        return exits.code_of(exc)
    finally:
        sink.close()
    return 0


def _warn(warning: str, loaded: Settings) -> None:
    if loaded.log_format == "json":
        log.warning("settings", problem=warning)
    else:
        print(f"warning: {warning}", file=sys.stderr)


def announce(at: Addresses, loaded: Settings, facts: Facts) -> None:
    """Print or log where the proxy listens, what it does, and how to point Claude Code at it."""
    base = client.url("https", at.host, at.port)
    pages = client.url("http", at.host, at.dashboard_port)
    forward = None
    if at.forward_port is not None:
        forward = client.url("http", loaded.forward_host, at.forward_port)
    if loaded.log_format == "json":
        log.info(
            "listening",
            version=__version__,
            proxy=base,
            upstream=loaded.upstream_base_url,
            dashboard=f"{pages}/dashboard",
            forward_proxy=forward,
            settings_files=[str(file) for file in settings.service_files()],
            scrubber=described(facts.scrub),
            simulated=facts.simulated,
            client_environment=client.environment(base, at.certificate),
        )
        return
    ways = _ways_from_outside if contained() else _ways_from_here
    lines = [
        f"anthropic-proxy {__version__}",
        f"  {base}  ->  {loaded.upstream_base_url}",
        f"  {pages}/dashboard",
        *([f"  {forward}  forward proxy (HTTPS_PROXY)"] if forward else []),
        *(f"  settings from {file}" for file in settings.service_files()),
        *([f"  {SIMULATED}"] if facts.simulated else []),
        *textwrap.wrap(
            described(facts.scrub), WIDTH, initial_indent="  ", subsequent_indent="    "
        ),
        "",
        *ways(at, loaded),
    ]
    # In one piece: lines of the log must not come between, even if standard output is unbuffered.
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _ways_from_here(at: Addresses, loaded: Settings) -> list[str]:
    """Return how a user of this machine points Claude Code at the proxy."""
    environment = client.environment(client.url("https", at.host, at.port), at.certificate)
    return [
        "Point Claude Code at it:",
        *(f"  export {name}={shlex.quote(value)}" for name, value in environment.items()),
        f"or run: {' '.join([*_launcher_needs(at, loaded), hints.command('claude')])}",
        *([FORWARD_HINT] if at.forward_port is not None else []),
    ]


def _ways_from_outside(at: Addresses, _: Settings) -> list[str]:
    """Return the same for a user outside of the proxy's container, who cannot read its files."""
    pages = client.url("http", at.host, at.dashboard_port)
    lines = [f"  export ANTHROPIC_BASE_URL={client.url('https', at.host, at.port)}"]
    if at.certificate.ca_file is not None:
        lines.insert(0, f"  curl -o ca.crt {pages}/ca.crt")
        lines.append("  export NODE_EXTRA_CA_CERTS=$PWD/ca.crt")
    return [f"Point Claude Code at it {PUBLISHED}:", *lines]


def _launcher_needs(at: Addresses, loaded: Settings) -> list[str]:
    """Return the variables that lead ``claude`` to this proxy, where they are not the defaults.

    It is started in another shell and reads no file of this working directory.
    """
    made = at.certificate.ca_file is not None
    chain = None if made else at.certificate.cert_file.resolve()
    key = None if made else at.certificate.key_file.resolve()
    values = {
        "host": loaded.host,
        "port": at.port,
        "forward_port": at.forward_port,
        "forward_host": loaded.forward_host,
        "state_dir": loaded.state_dir.resolve() if made else settings.default("state_dir"),
        "tls_cert_file": chain,
        "tls_key_file": key,
    }
    return [
        f"{settings.variable(name)}={shlex.quote(str(value))}"
        for name, value in values.items()
        if value != settings.default(name)
    ]


def described(scrub: ScrubFacts) -> str:
    """Return in a sentence how the secret scrubber is set up."""
    if scrub.mode == "off":
        return (
            "Secret scrubber: off. Requests are forwarded unchanged; "
            f"{variable('scrub_mode')} turns it on."
        )
    restored = "restored" if scrub.restore else "not restored"
    effect = "counts only" if scrub.mode == "detect" else f"values are {restored} in answers"
    count, names = len(scrub.detectors), ", ".join(scrub.detectors)
    running = f"{count} detector{'' if count == 1 else 's'}: {names}"
    return f"Secret scrubber: {scrub.mode}; {effect}; {running}."
