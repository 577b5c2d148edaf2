"""The check of the ledger's database, if it has one."""

from ..ledger.file import UnusableLedger
from ..ledger.places import examine, place_of
from ..ledger.server import Server
from ..settings import Settings, as_settings_error, revealed, variable
from .finding import Finding


def ledger(settings: Settings) -> list[Finding]:
    """Return whether rows can be written to PostgreSQL; nothing without ``LEDGER_URL``.

    Raises `SettingsError` for a URL that cannot be used here.
    """
    url = revealed(settings.ledger_url)
    if url is None or not settings.ledger:
        return []
    with as_settings_error("ledger_url"):
        place = place_of(settings.state_dir, url)
    assert isinstance(place, Server)  # noqa: S101 - there is a URL
    try:
        return [Finding("ledger", "ok", f"{place}: {examine(place)}")]
    except UnusableLedger as exc:
        advice = f"Correct {variable('ledger_url')} or the server; the proxy works without it."
        return [Finding("ledger", "fail", f"{place}: {exc}", advice)]
