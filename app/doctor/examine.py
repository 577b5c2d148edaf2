"""All checks, in the order in which one builds on the other."""

import asyncio

from .. import settings as reading
from ..settings import Settings
from . import forward, ledger, machine, network
from .finding import Finding
from .network import Way


async def examine(loaded: Settings, way: Way | None = None) -> list[Finding]:
    """Return what was found; beyond the first failure on the way to upstream nothing is tried."""
    way = way or Way(loaded)
    findings = [
        _settings(),
        await asyncio.to_thread(machine.certificate, loaded),
        *await asyncio.to_thread(machine.ports, loaded),
        *await asyncio.to_thread(forward.forward, loaded),
        machine.descriptors(),
        *await asyncio.to_thread(ledger.ledger, loaded),
    ]
    for step in (network.reach, network.secure, network.ask):
        found = await step(way)
        findings += found
        if any(finding.verdict == "fail" for finding in found):
            break
    return findings


def _settings() -> Finding:
    """Return warnings about settings that could be read."""
    files = ", ".join(str(file) for file in reading.service_files())
    read = f"the environment{', ' if files else ''}{files}"
    unknown = reading.unknown()
    if unknown:
        return Finding("settings", "warn", "; ".join(unknown), "Correct or remove them.")
    return Finding("settings", "ok", f"read from {read}")
