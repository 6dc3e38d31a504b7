"""How the tests share the machine."""

import pytest
from hypothesis import HealthCheck, settings

# Laws are about values: how fast a busy machine finds them says nothing.
settings.register_profile(
    "crabstick", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
)
settings.load_profile("crabstick")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever starts a Ray goes to one worker of `pytest -n`: two at once are too much."""
    for item in items:
        if any(item.iter_markers("cluster")) or any(item.iter_markers("e2e")):
            item.add_marker(pytest.mark.xdist_group("ray"))
