"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# Laws are about values: how fast a busy machine finds them says nothing.
settings.register_profile(
    "crabstick", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
)
settings.load_profile("crabstick")
