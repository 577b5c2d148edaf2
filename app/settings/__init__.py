"""The settings: ``types`` of values, their ``model``, and ``reading`` them from the environment.

`app.env_file` is the home of the rule which files are read beside it.
"""

from ..env_file import PREFIX, service_files
from .model import Settings, default, effective, revealed, variable
from .reading import as_settings_error, given, load, load_user, unknown

__all__ = [
    "PREFIX",
    "Settings",
    "as_settings_error",
    "default",
    "effective",
    "given",
    "load",
    "load_user",
    "revealed",
    "service_files",
    "unknown",
    "variable",
]
