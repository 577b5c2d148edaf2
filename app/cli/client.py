"""What a client needs to reach the running proxy."""

import urllib.error
import urllib.request
from http.client import HTTPException

from ..certificates import Certificate
from ..failures import StartError
from ..network.words import words
from ..settings import Settings, variable

TIMEOUT = 10.0  # seconds for a page

ANY_ADDRESS = {"0.0.0.0": "localhost", "::": "localhost"}  # noqa: S104 - what clients use instead


def url(scheme: str, host: str, port: int) -> str:
    """Return the base URL of a listening address, as a client on this machine uses it."""
    return f"{scheme}://{url_host(host)}:{port}"


def url_host(host: str) -> str:
    """Return what reaches ``host`` from this machine, an IPv6 address in brackets."""
    name = ANY_ADDRESS.get(host, host)
    return f"[{name}]" if ":" in name else name


def environment(base: str, certificate: Certificate) -> dict[str, str]:
    """Return the environment variables that lead Claude Code through the proxy."""
    trusted = certificate.ca_file or certificate.cert_file
    return {"ANTHROPIC_BASE_URL": base, "NODE_EXTRA_CA_CERTS": str(trusted.resolve())}


def page(loaded: Settings, path: str) -> str:
    """Return a page of the running proxy; raises `StartError` when it cannot be had."""
    address = url("http", loaded.host, loaded.dashboard_port) + path
    request = urllib.request.Request(address)  # noqa: S310 - the scheme is above
    if loaded.pages_token is not None:
        request.add_header("authorization", f"Bearer {loaded.pages_token.get_secret_value()}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            return str(response.read().decode())
    except urllib.error.HTTPError as exc:
        raise StartError(f"{address} answers {exc.code}: {_said(exc)}") from exc
    except (OSError, HTTPException) as exc:  # URLError is an OSError
        reason = getattr(exc, "reason", None) or exc
        raise StartError(
            f"The proxy does not answer at {address} ({words(reason)}): is it running, and is "
            f"{variable('dashboard_port')} as it was started with?"
        ) from exc


def _said(response: urllib.error.HTTPError) -> str:
    return response.read(1000).decode(errors="replace").strip()
