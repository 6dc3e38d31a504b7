"""What holds for all tests."""

import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

# What tests/tools.sh has unpacked.
os.environ["PATH"] += os.pathsep + str(Path(sys.prefix, "tools/usr/bin"))

# Laws are about values: how fast a busy machine finds them says nothing.
settings.register_profile(
    "crabstick", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
)
settings.load_profile("crabstick")
