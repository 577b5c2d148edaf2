"""Runs the contract through a proxy, clause by clause."""

import ssl

import httpx

from ...settings import Settings
from ..finding import Finding
from ..machine import ANY_ADDRESS
from .clauses import CLAUSES, Broken, Clause
from .party import Party, Refused
from .place import Simulator, parties, started, trusted_file

RUNNING = "the running proxy at {url}, whose upstream is the simulator"
STARTED = (
    "a proxy with your settings, started for this check in front of the simulator: a running one "
    "is checked only in front of `anthropic-proxy simulate`"
)
UNSCANNED = "scrub_skipped"  # the reason
FORBIDDEN = "not checked: ANTHROPIC_PROXY_SCRUB_ON_SKIP=block refuses what cannot be scanned"
REASONS = "The documentation explains this reason under Troubleshooting."
ADVICE = "Report a bug, with this table and the output of `anthropic-proxy --version`."


async def check(settings: Settings, simulator: Simulator) -> list[Finding]:
    """Return a finding for each clause, after one that says which proxy was looked at."""
    token = settings.access_token.get_secret_value() if settings.access_token else None
    url = f"https://{_reached(settings.host)}:{settings.port}"
    trusted = trusted_file(settings)
    if trusted.is_file():
        try:
            async with parties(url, trusted, token) as running:
                if await running[0].is_recorded():
                    return await _findings(RUNNING.format(url=url), running)
        except ssl.SSLError:
            pass  # of another state directory
    async with started(settings, simulator) as at:
        ca_file = at.certificate.ca_file or at.certificate.cert_file
        async with parties(f"https://{at.host}:{at.port}", ca_file, token) as made:
            return await _findings(STARTED, made)


async def _findings(place: str, both: list[Party]) -> list[Finding]:
    return [
        Finding("proxy", "ok", place),
        *[await _finding(clause, both) for clause in CLAUSES],
    ]


async def _finding(clause: Clause, both: list[Party]) -> Finding:
    """Check a clause over both versions of HTTP."""
    found = ""
    for party, version in zip(both, ("HTTP/1.1", "HTTP/2"), strict=True):
        try:
            found = await clause.check(party)
        except Refused as exc:
            return _refused(clause, str(exc))
        except Broken as exc:
            return Finding(clause.name, "fail", f"{version}: {exc}", ADVICE)
        except (OSError, ValueError, httpx.HTTPError) as exc:  # a listing that was cut, too
            return Finding(clause.name, "fail", f"{version}: {type(exc).__name__}", ADVICE)
    return Finding(clause.name, "ok", found)


def _refused(clause: Clause, reason: str) -> Finding:
    if reason == UNSCANNED:
        return Finding(clause.name, "warn", FORBIDDEN)
    return Finding(clause.name, "fail", f"the proxy refused a request: {reason}", REASONS)


def _reached(host: str) -> str:
    name = ANY_ADDRESS.get(host, host)
    return f"[{name}]" if ":" in name else name
