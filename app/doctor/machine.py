"""Checks of this machine: certificate, ports and descriptors. They read, and bind for a moment."""

import http.client
import os
import resource
import ssl
import urllib.error
import urllib.request

from .. import certificates
from ..certificates import inspection
from ..server.port_failure import PortFailure
from ..server.sockets import bind
from ..settings import Settings, variable
from .finding import Finding

HEALTH_TIMEOUT = 2.0  # seconds
ENOUGH = 2 * 500 + 100  # descriptors of 500 agents, each with two connections, and the program's
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what reaches them from here


def certificate(settings: Settings) -> Finding:
    """Check the certificate that clients see."""
    own = settings.own_certificate
    if own is None:
        return _made(settings)
    try:
        found, outdated = inspection.problems(*own), inspection.out_of_date(own[0])
    except ValueError as exc:
        return Finding("certificate", "fail", str(exc), f"Correct {variable('tls_cert_file')}.")
    if outdated is not None:
        return Finding("certificate", "fail", outdated, "Renew the certificate.")
    if found:
        return Finding("certificate", "warn", "; ".join(found))
    return Finding("certificate", "ok", _described(own[0]))


def _made(settings: Settings) -> Finding:
    directory = settings.state_dir.absolute()
    nearest = next(place for place in (directory, *directory.parents) if os.path.exists(place))  # noqa: PTH110 - one that may not be entered counts as missing
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Finding(
            "certificate",
            "fail",
            f"{nearest} cannot be written",
            f"Let {variable('state_dir')} name a directory that can be written.",
        )
    kept = certificates.kept(settings.state_dir)
    if not kept.cert_file.exists():
        return Finding("certificate", "ok", f"is made at the first start, in {directory}")
    try:
        return Finding("certificate", "ok", _described(kept.cert_file))
    except (OSError, ValueError) as exc:
        return Finding("certificate", "warn", str(exc), "The proxy makes a new one when it starts.")


def _described(file: os.PathLike[str]) -> str:
    leaf = inspection.describe(file)  # type: ignore[arg-type] # a Path
    return f"{file}, valid until {leaf.valid_until:%Y-%m-%d}, for {', '.join(leaf.names)}"


def ports(settings: Settings) -> list[Finding]:
    """Check that both ports are free, or that this proxy listens on them."""
    unverified = ssl._create_unverified_context()  # noqa: S323, SLF001 - only `/health` is asked
    return [
        _port(settings, "port", "https", unverified),
        _port(settings, "dashboard_port", "http", None),
    ]


def _port(settings: Settings, name: str, scheme: str, context: ssl.SSLContext | None) -> Finding:
    port = getattr(settings, name)
    check = f"port {port}"
    try:
        bind(settings.host, port, variable(name)).close()
    except PortFailure as exc:
        if _is_ours(scheme, settings.host, port, context):
            return Finding(check, "ok", "an anthropic-proxy listens here")
        return Finding(check, "fail", exc.problem, f"{exc.advice[0].upper()}{exc.advice[1:]}.")
    return Finding(check, "ok", "free")


def _is_ours(scheme: str, host: str, port: int, context: ssl.SSLContext | None) -> bool:
    name = ANY_ADDRESS.get(host, host)
    at = f"[{name}]" if ":" in name else name
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    opener = urllib.request.build_opener(*handlers)
    try:
        with opener.open(f"{scheme}://{at}:{port}/health", timeout=HEALTH_TIMEOUT) as answer:
            return b'"status"' in answer.read(1000)
    except urllib.error.HTTPError as exc:
        with exc:
            return False
    except (OSError, ValueError, http.client.HTTPException):
        return False


def descriptors() -> Finding:
    """Check how many files the process may open; the start raises the soft limit to the hard."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return Finding("descriptors", "ok", "no limit")
    if hard >= ENOUGH:
        return Finding("descriptors", "ok", f"up to {hard:,} open files")
    return Finding(
        "descriptors",
        "warn",
        f"up to {hard:,} open files; 500 agents take about {ENOUGH:,}",
        "Raise the hard limit (LimitNOFILE= of the unit, --ulimit of the container, ulimit -Hn).",
    )
