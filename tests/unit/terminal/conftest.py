"""The tests of this folder live in virtual time."""

from tests.unit.virtual_conftest import pytest_asyncio_loop_factories, wall_clock

__all__ = ["pytest_asyncio_loop_factories", "wall_clock"]
