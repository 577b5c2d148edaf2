"""Programs of others that the tests need.

A test that needs one is marked ``external``, by itself or by a fixture of `FIXTURES`: ``make test``
leaves it out. `require` fails in a test that is not.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TIME_OUT = 800.0  # seconds: it ends what hangs, on the busiest machine

# Fixtures that start programs of others.
FIXTURES = frozenset({"browser", "built", "compiler", "operator", "postgresql", "scraped"})

allowed = True  # whether the running test may need programs of others; tests/conftest.py sets it


def mark(item: pytest.Item) -> None:
    """Mark a test by the fixtures that it uses, those of its fixtures included."""
    if FIXTURES & set(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.external)


def is_external(item: pytest.Item) -> bool:
    """Return True if the test may need programs of others."""
    return any(item.get_closest_marker(name) for name in ("external", "system"))


def require(program: str, package: str) -> str:
    """Return where ``program`` is; without it skip the test, or fail under CI."""
    assert allowed, f"the test uses {program}: mark it with pytest.mark.external"
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
