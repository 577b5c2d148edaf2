"""``doctor``: what keeps the proxy from working here, and what to do. Nothing is written."""

import argparse
import asyncio
import logging

import structlog

from .. import doctor, settings
from ..doctor import Finding
from ..doctor.contract import check
from ..factories.scrubbing import load_rules
from ..failures import SettingsError
from ..settings import Settings
from . import claude, exits


def run(options: argparse.Namespace) -> int:
    """Print what was found; 0: nothing fails, 1: something does, 2: the settings are bad."""
    try:
        loaded = settings.load()
        load_rules(loaded)
        if options.parity:
            return _print_parity(loaded, as_json=options.json)
        findings = asyncio.run(_contract(loaded) if options.contract else doctor.examine(loaded))
        code = doctor.exit_code(findings)
    except SettingsError as exc:
        findings = [Finding("settings", "fail", line) for line in str(exc).splitlines()]
        code = exits.BAD_SETTINGS
    print(doctor.as_json(findings) if options.json else doctor.table(findings))
    return code


def _print_parity(loaded: Settings, *, as_json: bool) -> int:
    """Print what Claude Code sends on each way; 0: the forward proxy makes no difference."""
    from ..doctor import parity  # noqa: PLC0415 - the other checks need none of it
    from .simulation import simulator, turns  # noqa: PLC0415

    _silence()
    found = asyncio.run(parity.compare(loaded, simulator.Simulator, turns, claude.ASKED_FOR))
    print(found.as_json() if as_json else found.table())
    return exits.DIFFERENT if found.differences("forward") else 0


async def _contract(loaded: Settings) -> list[Finding]:
    """Return whether a proxy with these settings relays everything as it comes."""
    from .simulation import simulator  # noqa: PLC0415 - the other checks need none of it

    _silence()
    return await check(loaded, simulator.Simulator)


def _silence() -> None:
    """Silence the log of a proxy that is started for a check."""
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
