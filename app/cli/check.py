"""``check``: the effective settings, and what is wrong with them. Nothing is written."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

import httpx

from .. import settings
from ..application import create_app
from ..certificates import inspection
from ..failures import SettingsError, StartError
from ..forward import loops
from ..ledger import reader
from ..ledger.file import aside, ledger_file
from ..network.proxies import ProxyEnvironment
from ..settings import Settings, as_settings_error, variable
from ..wire.origin import Origin


def run(_: argparse.Namespace) -> int:
    """Check the settings and the files that they name, as the start would and beyond."""
    loaded = settings.load()
    for name, value in settings.effective(loaded).items():
        print(f"{name}={value}")
    for warning in settings.unknown():
        print(f"warning: {warning}", file=sys.stderr)
    create_app(loaded)
    if loaded.own_certificate is not None:
        _check_pair(*loaded.own_certificate)
    else:
        _check_state(loaded)
    _check_ledger(loaded)
    origin = Origin.of(httpx.URL(loaded.origin.url))
    _check_egress(origin)
    ports = filter(None, (loaded.port, loaded.dashboard_port, loaded.forward_port))
    asyncio.run(loops.check(origin, frozenset(ports)))
    return 0


def _check_egress(origin: Origin) -> None:
    """Warn of an egress proxy that cannot be used: every request would fail."""
    try:
        ProxyEnvironment().proxy_for(origin)
    except httpx.ProxyError as exc:
        print(f"warning: {origin.scheme.upper()}_PROXY or ALL_PROXY: {exc}", file=sys.stderr)


def _check_pair(cert_file: Path, key_file: Path) -> None:
    """Check the user's own certificate; raises `SettingsError` when clients would refuse it."""
    with as_settings_error("tls_cert_file", "tls_key_file"):
        found = inspection.problems(cert_file, key_file)
    refused = inspection.out_of_date(cert_file)
    for problem in found:
        if problem != refused:
            print(f"warning: {problem}", file=sys.stderr)
    if refused is not None:
        raise SettingsError(f"{variable('tls_cert_file')}: {refused}")


def _check_state(loaded: Settings) -> None:
    """Check that a certificate could be made and kept; raises `StartError`."""
    directory = loaded.state_dir.absolute()
    # os.path: a place below one that may not be entered counts as missing.
    nearest = next(place for place in (directory, *directory.parents) if os.path.exists(place))  # noqa: PTH110
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        raise StartError(
            f"{variable('state_dir')}={loaded.state_dir}: the certificate cannot be kept there "
            f"({nearest} is not a directory that can be written)"
        )


def _check_ledger(loaded: Settings) -> None:
    """Warn of a ledger that the start would set aside, such as one of a newer release."""
    if not loaded.ledger or loaded.ledger_url is not None:
        return
    path = ledger_file(loaded.state_dir)
    if problem := reader.unusable(path):
        print(
            f"warning: the ledger {path}: {problem}. The proxy will rename it to "
            f"{aside(path, 'TIME').name} and begin a new one: reports and budgets start at zero.",
            file=sys.stderr,
        )
