"""Commands as a user can type them, in the place the program was started from."""

import os
import sys
from pathlib import Path

from ..caller import made

NAME = "anthropic-proxy"
TARGETS = {"serve": "make run", "claude": "make claude"}


def command(name: str) -> str:
    """Return what runs a command of this program from the user's shell."""
    if made():  # its users may have neither uv nor the program on their PATH
        return TARGETS[name]
    return _program() if name == "serve" else f"{_program()} {name}"  # it is the default


def _program() -> str:
    """Return the program's name where the shell finds it, else its path.

    `uv run` puts the environment's directory on the PATH of the program alone.
    """
    import shutil  # noqa: PLC0415 - a service prints no commands

    called = Path(sys.argv[0])
    own = str(Path(sys.prefix, "bin")) if os.environ.get("UV_RUN_RECURSION_DEPTH") else None
    directories = os.environ.get("PATH", os.defpath).split(os.pathsep)
    path = os.pathsep.join(directory for directory in directories if directory != own)
    if shutil.which(called.name, path=path) is None and os.access(called, os.X_OK):
        return str(called.absolute())
    return NAME
