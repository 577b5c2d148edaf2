"""Fixtures of the ledger's tests."""

from collections.abc import Iterator

import pytest

from tests.ledger.clusters import Cluster, cluster


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """A PostgreSQL server."""
    with cluster() as one:
        yield one
