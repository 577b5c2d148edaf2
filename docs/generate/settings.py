"""The settings with their defaults and meanings."""

import os
from pathlib import Path

from app.settings import PREFIX, Settings, effective, variable
from docs.generate.markdown import code
from docs.generate.markdown import table as rows_of

STATE = "XDG_STATE_HOME"  # moves the default of a setting


def defaults() -> dict[str, str]:
    """Return every variable with its default as text, whatever this process's environment says."""
    kept = dict(os.environ)
    try:
        for name in kept:
            if name.upper().startswith((PREFIX, STATE)):
                del os.environ[name]
        shown = effective(Settings(_env_file=None))  # type: ignore[call-arg]
    finally:
        os.environ.update(kept)
    return {name: text.replace(str(Path.home()), "~") for name, text in shown.items()}


def table() -> str:
    """Return the table of settings."""
    values = defaults()
    rows = [
        (
            code(variable(name)),
            code(values[variable(name)]) if values[variable(name)] else "(empty)",
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]
    return rows_of(("Variable", "Default", "Meaning"), rows)
