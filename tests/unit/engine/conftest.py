"""The tests of this folder live in virtual time."""

from tests.unit.virtual_conftest import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
