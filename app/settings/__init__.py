"""The settings: ``kinds`` of values, their ``model``, and ``reading`` them from the environment."""

from app.settings.model import PREFIX, Settings, effective, variable
from app.settings.reading import SettingsError, blaming, load, unknown

__all__ = [
    "PREFIX",
    "Settings",
    "SettingsError",
    "blaming",
    "effective",
    "load",
    "unknown",
    "variable",
]
