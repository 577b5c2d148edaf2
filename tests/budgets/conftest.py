"""What the tests of budgets share."""

from tests.ledger.conftest import postgresql

__all__ = ["postgresql"]
