"""Serves with this process alone."""

from collections.abc import Callable

from ..application import create_app
from ..settings import Settings
from ..telemetry.facts import Facts
from .addresses import Addresses
from .loop import settle
from .serving import serve


async def serve_alone(settings: Settings, *, started: Callable[[Addresses, Facts], None]) -> None:
    """Serve until a signal comes; raises `StartError`, `SettingsError`."""
    application = create_app(settings)

    def ready(at: Addresses) -> None:
        settle()
        started(at, application.telemetry.facts)

    await serve(application, settings, started=ready)
