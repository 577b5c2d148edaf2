"""Fixtures of the telemetry tests."""

from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs


@pytest.fixture(autouse=True, scope="module")
def log_lines() -> Iterator[list[MutableMapping[str, Any]]]:
    """Keep what is logged off the terminal."""
    with capture_logs() as lines:
        yield lines
