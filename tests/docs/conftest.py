"""The simulated API of those who follow the documentation."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def upstream() -> Iterator[str]:
    """Return the URL of a simulated API."""
    program = Path(sys.executable).parent / "anthropic-proxy"
    command = [str(program), "simulate", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()
