"""Programs of others that the tests need."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TIME_OUT = 100.0  # seconds


def require(program: str, package: str) -> str:
    """Return where ``program`` is; without it skip the test, or fail under CI."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if found is None:
        absent(f"{program} is not installed: apt-get install {package}")
    return str(found)


def absent(what: str) -> None:
    """Skip the test for lack of something; under CI, which has everything, fail."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(what)


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run to a good end; return what it printed."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=TIME_OUT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
