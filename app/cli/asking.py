"""Asks the running proxy for one of its pages."""

import urllib.error
import urllib.request
from http.client import HTTPException

from ..failures import StartError
from ..network.words import words
from ..settings import Settings, variable
from . import client

TIMEOUT = 10.0  # seconds for a page


def page(loaded: Settings, path: str) -> str:
    """Return a page of the running proxy; raises `StartError` when it cannot be had."""
    address = client.url("http", loaded.host, loaded.dashboard_port) + path
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
