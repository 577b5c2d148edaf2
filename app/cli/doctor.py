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
from . import exits


def run(options: argparse.Namespace) -> int:
    """Print what was found; 0: all is well, 1: something fails, 2: the settings are bad."""
    try:
        loaded = settings.load()
        load_rules(loaded)
        findings = asyncio.run(_contract(loaded) if options.contract else doctor.examine(loaded))
        code = doctor.exit_code(findings)
    except SettingsError as exc:
        findings = [Finding("settings", "fail", line) for line in str(exc).splitlines()]
        code = exits.BAD_SETTINGS
    print(doctor.as_json(findings) if options.json else doctor.table(findings))
    return code


async def _contract(loaded: Settings) -> list[Finding]:
    """Return whether a proxy with these settings relays everything as it comes."""
    from .simulation import simulator  # noqa: PLC0415 - the other checks need none of it

    logging.disable()  # a proxy that is started for this says nothing of its own
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return await check(loaded, simulator.Simulator)
