"""The forward proxy as a client sees it, and what would lead a client past it."""

import base64
import http.client
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from ..certificates import kept
from ..forward.target import Target
from ..settings import Settings, variable
from ..tls import trusting
from .finding import Finding
from .machine import ANY_ADDRESS

TIMEOUT = 5.0  # seconds for the proxy to answer
USER = "anthropic-proxy"  # any will do: the token is the password
CHECK = "forward"


def reach(settings: Settings, ca_file: Path) -> None:
    """Open a tunnel to the API's host, and check that it ends at the proxy; nothing is sent.

    Raises OSError (SSLError is one) or `http.client.HTTPException`.
    """
    target = settings.forward_targets[0]
    host = ANY_ADDRESS.get(settings.forward_host, settings.forward_host)
    context = trusting(ca_file)
    connection = http.client.HTTPSConnection(
        host, settings.forward_port, timeout=TIMEOUT, context=context
    )
    connection.set_tunnel(target.host, target.port, _shown(settings))
    try:
        connection.connect()
    finally:
        connection.close()


def forward(settings: Settings, environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """Check the forward proxy, where it is on."""
    if not settings.forward_port:
        return []
    where = f"port {settings.forward_port} on {settings.forward_host}"
    target, ca_file = settings.forward_targets[0], kept(settings.forward_directory).ca_file
    assert ca_file is not None  # noqa: S101 - for mypy
    try:
        reach(settings, ca_file)
    except (FileNotFoundError, ConnectionRefusedError):
        found = Finding(CHECK, "ok", f"{where} is for the forward proxy, which does not run")
    except (OSError, http.client.HTTPException) as exc:
        found = Finding(
            CHECK,
            "fail",
            f"{where} does not serve {target.authority}: {exc}",
            f"Start the proxy with the same {variable('forward_port')}, "
            f"{variable('access_token')} and {variable('state_dir')}.",
        )
    else:
        found = Finding(CHECK, "ok", f"{where} serves {target.authority}")
    return [found, *_past_it(target, environ)]


def _past_it(target: Target, environ: Mapping[str, str]) -> list[Finding]:
    """Return a warning where NO_PROXY names the API's host."""
    none = {"no": environ.get("no_proxy", environ.get("NO_PROXY", ""))}
    if not proxy_bypass_environment(target.authority, none):
        return []
    return [
        Finding(
            "NO_PROXY",
            "warn",
            f"it names {target.host}: clients bypass the forward proxy",
            "Remove the name; `anthropic-proxy claude --forward` sets its own NO_PROXY.",
        )
    ]


def _shown(settings: Settings) -> dict[str, str]:
    if settings.access_token is None:
        return {}
    pair = f"{USER}:{settings.access_token.get_secret_value()}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
