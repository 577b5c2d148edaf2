"""Reads the settings; their errors become one readable message."""

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..env_file import PREFIX, UnusableFile, service_files, user_files
from ..failures import SettingsError
from .model import Settings, variable

SCRUBBER = f"{PREFIX}SCRUB"
MISSPELT_PREFIX = re.compile(r"ANT[A-Z]*_(\w+_)?SCRUB")  # such as ANTHROPIC_SCRUB_MODE
# Where pydantic's own words do not say plainly what is allowed.
PLAINER = {
    "bool_parsing": "must be true or false",
    "int_parsing": "must be an integer",
    "float_parsing": "must be a number",
}


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
        found = files()
    except UnusableFile as exc:
        raise SettingsError(str(exc)) from None
    broken = [complaint for file in found for complaint in _broken_lines(file)]
    if broken:  # dotenv would skip them, and leave a setting at its default
        raise SettingsError("\n".join(broken))
    lines = _misspelt_scrubber(_names(os.environ, found))
    try:
        loaded = Settings(**{"_env_file": found, **overrides})
    except ValidationError as exc:
        lines = [*(_complaint(dict(error)) for error in exc.errors(include_url=False)), *lines]
        raise SettingsError("\n".join(lines)) from None
    if lines:
        raise SettingsError("\n".join(lines))
    return loaded


@contextmanager
def as_settings_error(*fields: str) -> Iterator[None]:
    """Turn a ValueError into a `SettingsError` that names the variables of ``fields``."""
    try:
        yield
    except ValueError as exc:
        raise SettingsError(f"{', '.join(map(variable, fields))}: {exc}") from exc


def unknown(environ: Mapping[str, str] | None = None, env_file: Path | None = None) -> list[str]:
    """Return a warning for each ``ANTHROPIC_PROXY_*`` variable that is none, with a guess."""
    files = service_files() if env_file is None else (env_file,)
    names = _names(os.environ if environ is None else environ, files)
    return [_unknown(name) for name in names]


def given(field: str) -> str:
    """Return the text that a field is set to, valid or not; empty when it is not set."""
    try:
        files = service_files()
    except UnusableFile:
        files = ()
    places = [*map(_env_file_values, files), {n.upper(): text for n, text in os.environ.items()}]
    texts = [place.get(variable(field), "") for place in places]
    return next(filter(None, reversed(texts)), "")


def _names(environ: Mapping[str, str], files: tuple[Path, ...]) -> list[str]:
    """Return the names that begin like a setting and are none, in the order they are set."""
    known = {variable(name) for name in Settings.model_fields}
    places = [environ, *map(_env_file_values, files)]
    names = dict.fromkeys(name.upper() for place in places for name in place)
    return [
        name
        for name in names
        if name not in known and (name.startswith(PREFIX) or MISSPELT_PREFIX.match(name))
    ]


def _broken_lines(file: Path) -> list[str]:
    """Return a complaint for each line that sets nothing although it is meant to.

    It names the line and not its text, which may be a secret.
    """
    return [
        f"{file}, line {_line_number(one)}: must be NAME=value"
        for one in _bindings(file)
        if one.error or ((one.key or "").upper().startswith(PREFIX) and one.value is None)
    ]


def _line_number(binding: Any) -> int:
    """Return where a binding stands; the blank lines in front are a part of it."""
    text: str = binding.original.string
    line: int = binding.original.line
    return line + text[: len(text) - len(text.lstrip())].count("\n")


def _unknown(name: str) -> str:
    guess = _guess(name)
    asked = f": did you mean {guess}?" if guess else ""
    return f"{name} is not a setting of anthropic-proxy{asked}"


def _misspelt_scrubber(names: list[str]) -> list[str]:
    """Return a complaint for each unknown name that is meant for the scrubber.

    A misspelt setting of the scrubber would let requests go out unprotected.
    """
    return [
        f"{_unknown(name)} (an unknown scrubber setting stops the start)"
        for name in names
        if name.startswith(SCRUBBER)
        or MISSPELT_PREFIX.match(name)
        or _guess(name).startswith(SCRUBBER)
    ]


def _complaint(error: dict[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message  # names its variables itself
    field = str(error["loc"][0])
    allowed = PLAINER.get(error["type"], message.replace("Input should be", "must be", 1))
    return f"{variable(field)}={_given(field, error['input'])}: {allowed}"


def _given(field: str, value: object) -> str:
    """Return what was set, without a secret in it."""
    if "SecretStr" in str(Settings.model_fields[field].annotation):
        return "(hidden)"
    return re.sub("//.*@", "//(hidden)@", repr(value))


def _guess(name: str) -> str:
    """Return the setting whose name is nearest, or nothing."""
    known = [variable(field) for field in Settings.model_fields]
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.6)), "")


def _env_file_values(file: Path) -> dict[str, str]:
    found = _bindings(file) if file.is_file() else ()
    return {one.key.upper(): one.value or "" for one in found if one.key}


def _bindings(file: Path) -> list[Any]:
    """Return what each line binds (a ``Binding``), as dotenv reads it, but without its warnings.

    `_broken_lines` complains better.
    """
    from dotenv.parser import parse_stream  # noqa: PLC0415 - most have no such file

    with file.open(encoding="utf-8") as stream:
        return [*parse_stream(stream)]
