"""Programs of others that the stack is tested with."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TIME_OUT = 100.0  # seconds


def require(program: str, package: str) -> None:
    """Skip the test without ``program``; under CI, which has installed it, fail."""
    if shutil.which(program) is None:
        absent = f"{program} is not installed: apt-get install {package}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(absent)


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run to a good end; return what it printed."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=TIME_OUT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
