"""The settings: ``kinds`` of values, their ``model``, and ``reading`` them from the environment.

`app.env_file` is the home of the rule which files are read beside it.
"""

from ..env_file import PREFIX, service_files
from .model import Settings, default, effective, variable
from .reading import blaming, given, load, load_user, unknown

__all__ = [
    "PREFIX",
    "Settings",
    "blaming",
    "default",
    "effective",
    "given",
    "load",
    "load_user",
    "service_files",
    "unknown",
    "variable",
]
