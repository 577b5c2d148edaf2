"""What leads Claude Code through the forward proxy, so that it keeps the API's own URL."""

import base64
import http.client
import os
from pathlib import Path
from urllib.parse import quote

from ..certificates import kept
from ..failures import StartError
from ..forward.target import Target
from ..settings import Settings, variable
from ..tls import trusting
from . import client, hints

TIMEOUT = 5.0  # seconds for the proxy to answer
USER = "anthropic-proxy"  # any will do: the token is the password
LOCAL = "localhost,127.0.0.1,::1"  # servers on this machine, of MCP for example
REMOVED = ("ANTHROPIC_BASE_URL",)  # the client is to keep the API's own


def environment(loaded: Settings) -> dict[str, str]:
    """Return the variables; raises `StartError` if the forward proxy does not answer.

    Names in the user's NO_PROXY could take the API's host past the proxy: they do not count.
    """
    if not loaded.forward_port:
        raise StartError(
            f"The forward proxy is off: set {variable('forward_port')} (such as 8444) for the "
            "proxy and for this command."
        )
    ca_file = kept(loaded.forward_directory).ca_file
    assert ca_file is not None  # noqa: S101 - for mypy
    _check_up(loaded, ca_file)
    url = _url(loaded)
    return {
        "HTTPS_PROXY": url,
        "https_proxy": url,
        "NO_PROXY": LOCAL,
        "no_proxy": LOCAL,
        "NODE_EXTRA_CA_CERTS": str(ca_file.resolve()),
    }


def _url(loaded: Settings) -> str:
    where = client.url("http", loaded.forward_host, loaded.forward_port or 0)
    if loaded.access_token is None:
        return where
    token = quote(loaded.access_token.get_secret_value(), safe="")
    return where.replace("://", f"://{USER}:{token}@")


def _check_up(loaded: Settings, ca_file: Path) -> None:
    """Open a tunnel to the API's host, and check that it ends at the proxy; nothing is sent."""
    target, port = loaded.forward_targets[0], loaded.forward_port
    host = client.ANY_ADDRESS.get(loaded.forward_host, loaded.forward_host)
    try:
        connection = http.client.HTTPSConnection(
            host, port, timeout=TIMEOUT, context=trusting(ca_file)
        )
        connection.set_tunnel(target.host, target.port, _shown(loaded))
        connection.connect()
        connection.close()
    except (OSError, http.client.HTTPException) as exc:  # SSLError is an OSError
        raise StartError(_complaint(loaded, target, ca_file, exc)) from exc


def _shown(loaded: Settings) -> dict[str, str]:
    if loaded.access_token is None:
        return {}
    pair = f"{USER}:{loaded.access_token.get_secret_value()}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _complaint(loaded: Settings, target: Target, ca_file: Path, exc: Exception) -> str:
    where = client.url("http", loaded.forward_host, loaded.forward_port or 0)
    if isinstance(exc, FileNotFoundError) and not os.path.exists(ca_file):  # noqa: PTH110
        return (
            f"There is no {ca_file}: the proxy was never started with "
            f"{variable('forward_port')} and this state directory."
        )
    return (
        f"The forward proxy does not serve {target.authority} at {where} ({exc}): start it with "
        f"{variable('forward_port')}={loaded.forward_port} {hints.command('serve')}"
    )
