"""What leads Claude Code through the forward proxy, so that it keeps the API's own URL."""

import http.client
import os
from pathlib import Path
from urllib.parse import quote

from ..certificates import kept
from ..doctor.forward import USER, reach
from ..failures import StartError
from ..settings import Settings, variable
from . import client, hints

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
    try:
        reach(loaded, ca_file)
    except (OSError, http.client.HTTPException) as exc:  # SSLError is an OSError
        raise StartError(_complaint(loaded, ca_file, exc)) from exc


def _complaint(loaded: Settings, ca_file: Path, exc: Exception) -> str:
    target = loaded.forward_targets[0]
    where = client.url("http", loaded.forward_host, loaded.forward_port or 0)
    if isinstance(exc, FileNotFoundError) and not os.path.exists(ca_file):  # noqa: PTH110
        return (
            f"There is no {ca_file}: no proxy has been started with "
            f"{variable('forward_port')} and this state directory."
        )
    remedy = (
        f"start it with {variable('forward_port')}={loaded.forward_port} {hints.command('serve')}"
        if isinstance(exc, ConnectionRefusedError)
        else f"the proxy and this command need the same {variable('forward_port')}, "
        f"{variable('access_token')} and {variable('state_dir')}"
    )
    return f"The forward proxy does not serve {target.authority} at {where} ({exc}): {remedy}"
