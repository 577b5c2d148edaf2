"""Makes the secret scrubber and its rules."""

import sys
from collections.abc import Callable

from ..proxy.scan_pool import ScanClock, ScanPool
from ..proxy.scrubbing import Scrubbing
from ..scrubber.detect import rules
from ..scrubber.detect.rules import Rules
from ..scrubber.redact.scrubber import Scrubber
from ..scrubber.restore.sinks import ToolPolicy
from ..settings import Settings, as_settings_error
from ..telemetry.facts import ScrubFacts

SWITCH = 0.001  # seconds that a scan on a thread keeps the interpreter from the event loop


def load_rules(settings: Settings) -> Rules:
    """Return the rules that the settings name, whatever the mode; raises `SettingsError`."""
    with as_settings_error("scrub_detectors", "scrub_rules_file"):
        return rules.load(detectors=settings.scrub_detectors, file=settings.scrub_rules_file)


def scrubbing_of(settings: Settings, clock: Callable[[], float]) -> tuple[Scrubbing, ScrubFacts]:
    """Return what scrubs and restores, and how it is set up; raises `SettingsError`."""
    mode = settings.scrub_mode
    assert mode != "off"  # noqa: S101 - for mypy
    sys.setswitchinterval(SWITCH)
    chosen = load_rules(settings)
    scrubber = Scrubber(
        mode=mode,
        key=settings.scrub_key,
        rules=chosen,
        style=settings.scrub_placeholder_style,
        clock=clock,
        limit=settings.scrub_max_body_size,
        receipts=settings.scrub_receipts_file is not None,
        seconds=settings.scrub_time_limit,
        cpu=ScanClock(),
    )
    scrubbing = Scrubbing(
        scrubber,
        settings.scrub_max_body_size,
        ScanPool(clock),
        block=settings.scrub_blocks,
        restore=settings.scrub_restore,
        tools=ToolPolicy.parse(settings.scrub_restore_tools),
    )
    return scrubbing, ScrubFacts(
        mode=mode,
        detectors=tuple(detector.name for detector in chosen.detectors),
        restore=settings.scrub_restore and mode == "pseudonymize",
    )
