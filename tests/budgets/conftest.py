"""What the tests of budgets share."""

from tests.ledger.conftest import postgresql
from tests.simulated_clock import pytest_asyncio_loop_factories

__all__ = ["postgresql", "pytest_asyncio_loop_factories"]
