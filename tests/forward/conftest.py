"""Fixtures of the forward proxy's tests."""

from tests.simulated_clock import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
