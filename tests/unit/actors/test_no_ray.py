"""Here Ray is imported, and the guard of the unit tests keeps it from starting."""

import pytest
import ray

import actors.cluster  # noqa: F401 -- as every test here does: Ray is loaded before the guard


def test_ray_is_not_started() -> None:
    with pytest.raises(AssertionError, match="start Ray"):
        ray.init()
