"""Fixtures of the command line's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.place import LOOPBACK, Banner, Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.within(tmp_path)


@pytest.fixture
def served(place: Place) -> Iterator[Banner]:
    """A proxy that runs with the certificate it has made."""
    with place.start(**LOOPBACK) as process:
        yield Banner.read(process)
