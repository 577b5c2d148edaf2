"""Fixtures of the telemetry tests."""

from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs


@pytest.fixture(autouse=True, scope="module")
def log_lines() -> Iterator[list[MutableMapping[str, Any]]]:
    """Keep what is logged off the terminal; a defect of telemetry fails its module."""
    with capture_logs() as lines:
        yield lines
    assert "telemetry failed" not in [line["event"] for line in lines]
