"""The settings of one worker. Pure.

Limits are divided, so that all workers together keep to what is set. What is shared by its nature
needs no division: the ledger and the receipts file are written in turn, under a lock.
"""

import math
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from ..settings import Settings, revealed

DIVIDED = (
    "forward_max_tunnels",
    "hold_budget",
    "max_active_requests",
    "max_connections",
    "upstream_max_connections",
    "upstream_max_keepalive_connections",
)


def share_of(settings: Settings) -> dict[str, Any]:
    """Return the settings of each worker, as a message holds them; `settings_of` reads it."""
    values = {name: _plain(getattr(settings, name)) for name in Settings.model_fields}
    divided = {name: math.ceil(values[name] / settings.workers) for name in DIVIDED}
    return {name: value for name, value in (values | divided).items() if value is not None}


def settings_of(share: dict[str, Any]) -> Settings:
    """Return the settings in a message; no file is read again: it may have changed meanwhile."""
    return Settings(**{"_env_file": None, **share})


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return revealed(value)
    return str(value) if isinstance(value, Path) else value
