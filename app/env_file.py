"""The files that settings are read from, and whom they are trusted from.

A service reads the user's own file and ``.env`` in its own directory. Commands that are started in
any directory, such as ``claude``, read the user's own file only: a repository must not decide
where credentials go.
"""

import os
import stat
from pathlib import Path

PREFIX = "ANTHROPIC_PROXY_"  # of every setting's name
SERVICE_FILE = ".env"
OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


class UnusableFile(Exception):
    """A file that cannot be read, or that somebody else controls; the message says which."""


def service_files() -> tuple[Path, ...]:
    """Return the files a service reads: the user's own, then ``.env`` here, which wins.

    Raises `UnusableFile`, as `user_files` does.
    """
    return (*user_files(), *_trusted(Path(SERVICE_FILE)))


def user_files() -> tuple[Path, ...]:
    """Return ``anthropic-proxy/env`` in the user's configuration directory, if there is one."""
    return _trusted(base_directory("XDG_CONFIG_HOME", ".config") / "anthropic-proxy" / "env")


def base_directory(name: str, default: str) -> Path:
    """Return a directory of the XDG Base Directory Specification.

    As the specification demands, a relative path in ``name`` is ignored: it would depend on the
    working directory.
    """
    named = Path(os.environ.get(name, ""))
    return named if named.is_absolute() else Path.home() / default


def _trusted(file: Path) -> tuple[Path, ...]:
    """Return ``file`` if it exists, can be read and cannot be written by others."""
    try:
        found = file.stat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return ()  # a service may have a home directory that it cannot enter
    whole = file.absolute()
    if found.st_uid not in (0, os.geteuid()):
        raise UnusableFile(
            f"{whole} belongs to another user (uid {found.st_uid}), so it is not read: "
            "make it your own, or start in another directory"
        )
    if found.st_mode & OTHERS_MAY_WRITE:
        raise UnusableFile(
            f"{whole} can be written by others, so it is not read: run chmod go-w {whole}"
        )
    try:
        file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else None
        raise UnusableFile(f"{file} cannot be read: {reason or exc}") from None
    return (whole,)
