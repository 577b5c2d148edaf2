"""What the listener's tests share."""

from tests.simulated_clock import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
