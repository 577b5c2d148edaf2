"""Reading the settings; what is wrong with them becomes one message for people."""

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from app.settings.env_file import SERVICE_FILE, UnusableFile, service_files, user_files
from app.settings.model import PREFIX, Settings, variable

# Where pydantic's own words do not say what is allowed.
PLAINER = {"bool_parsing": "must be true or false"}


class SettingsError(Exception):
    """What is wrong with the settings, one line per variable."""


def load(**overrides: Any) -> Settings:
    """Read the settings of a service: the environment, then `service_files`.

    Raises `SettingsError` naming every bad variable.
    """
    return _read(service_files, overrides)


def load_user() -> Settings:
    """Read the settings of a command that is started in any directory.

    The environment, then the user's own file; nothing depends on the working directory. Raises
    `SettingsError`.
    """
    loaded = _read(user_files, {})
    relative = [
        f"{variable(name)}={value}: must be an absolute path here: this command is started in "
        "any directory"
        for name in Settings.model_fields
        if isinstance(value := getattr(loaded, name), Path) and not value.is_absolute()
    ]
    if relative:
        raise SettingsError("\n".join(relative))
    return loaded


def _read(files: Callable[[], tuple[Path, ...]], overrides: Mapping[str, Any]) -> Settings:
    try:
        return Settings(**{"_env_file": files(), **overrides})
    except ValidationError as exc:
        lines = [_complaint(dict(error)) for error in exc.errors(include_url=False)]
        raise SettingsError("\n".join(lines)) from None
    except UnusableFile as exc:
        raise SettingsError(str(exc)) from None


@contextmanager
def blaming(*fields: str) -> Iterator[None]:
    """Turn a ValueError into a `SettingsError` that names the variables of ``fields``."""
    try:
        yield
    except ValueError as exc:
        raise SettingsError(f"{', '.join(map(variable, fields))}: {exc}") from exc


def unknown(environ: Mapping[str, str] | None = None, env_file: Path | None = None) -> list[str]:
    """Return a warning for each ``ANTHROPIC_PROXY_*`` variable that is none, with a guess."""
    known = [variable(name) for name in Settings.model_fields]
    set_here = [name.upper() for name in (os.environ if environ is None else environ)]
    names = dict.fromkeys([*set_here, *_env_file_values(env_file or Path(SERVICE_FILE))])
    return [
        f"{name} is not a setting of anthropic-proxy{_guess(name, known)}"
        for name in names
        if name.startswith(PREFIX) and name not in known
    ]


def _complaint(error: dict[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message  # names its variables itself
    field = str(error["loc"][0])
    allowed = PLAINER.get(error["type"], message[0].lower() + message[1:])
    return f"{variable(field)}={_given(field, error['input'])}: {allowed}"


def _given(field: str, value: object) -> str:
    """Return what was set, without a secret in it."""
    if "SecretStr" in str(Settings.model_fields[field].annotation):
        return "(hidden)"
    return re.sub("//.*@", "//(hidden)@", repr(value))


def _guess(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f": did you mean {near[0]}?" if near else ""


def _env_file_values(file: Path) -> dict[str, str]:
    values = dotenv_values(file, encoding="utf-8") if file.is_file() else {}
    return {name.upper(): value or "" for name, value in values.items()}
