"""What holds for all tests."""

import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, settings

from crabstick.signals import INTERRUPTS

# A script that starts pytest by `&` makes it ignore SIGINT; its commands would inherit that.
for number in INTERRUPTS:
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler)

# Our commands run as they do for users, who rarely have these.
for variable in ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"):
    os.environ.pop(variable, None)

# No test reads or writes what a bot of this user remembers, or this user's token.
_state = TemporaryDirectory()
os.environ["XDG_STATE_HOME"] = os.environ["XDG_CONFIG_HOME"] = _state.name

# What tests/tools.sh has unpacked.
os.environ["PATH"] += os.pathsep + str(Path(sys.prefix, "tools/usr/bin"))

# Laws are about values: how fast a busy machine finds them says nothing.
settings.register_profile(
    "crabstick", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
)
settings.load_profile("crabstick")
