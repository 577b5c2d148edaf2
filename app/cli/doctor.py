"""``doctor``: what keeps the proxy from working here, and what to do. Nothing is written."""

import argparse
import asyncio

from .. import doctor, settings
from ..doctor import Finding
from ..factories.scrubbing import load_rules
from ..failures import SettingsError
from . import exits


def run(options: argparse.Namespace) -> int:
    """Print what was found; 0: all is well, 1: something fails, 2: the settings are bad."""
    try:
        loaded = settings.load()
        load_rules(loaded)
        findings = asyncio.run(doctor.examine(loaded))
        code = doctor.exit_code(findings)
    except SettingsError as exc:
        findings = [Finding("settings", "fail", line) for line in str(exc).splitlines()]
        code = exits.BAD_SETTINGS
    print(doctor.as_json(findings) if options.json else doctor.table(findings))
    return code
