"""Which silent actors are taken for lost, before Ray is sure: slowly, and never everyone.

Pure. A suspect loses its game to a standby; since the game stream is the lease, a suspect that was
only slow finds that out by itself and leaves. So a wrong suspicion costs one reconnect, a missing
one costs the clock. Moments are `timedelta` on one monotonic clock.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from crabstick.rules.model import ActorName

__all__ = ["Heartbeat", "suspects"]

SILENCE_LIMIT = timedelta(seconds=3)
GRACE_AFTER_START = timedelta(seconds=10)
GRACE_AFTER_OWN_STALL = timedelta(seconds=5)
MOST_AT_ONCE = 2
FEW = 2
"""This many silent actors out of a handful are still theirs, not our own deafness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """When a busy actor last answered a ping, and since when it plays.

    `is_condemned` says that Ray itself reports its node dead or draining.
    """

    actor: ActorName
    heard: timedelta
    playing_since: timedelta
    is_condemned: bool = False


def suspects(
    heartbeats: Collection[Heartbeat], *, now: timedelta, own_stall: timedelta | None
) -> tuple[ActorName, ...]:
    """The actors to replace now, longest silent first, at most `MOST_AT_ONCE`.

    Args:
        heartbeats: one for each actor that plays.
        now: the moment of judgement.
        own_stall: when our own loop last stood still: then it is we who were deaf.
    """
    if own_stall is not None and now - own_stall < GRACE_AFTER_OWN_STALL:
        return ()
    silent = [heartbeat for heartbeat in heartbeats if now - heartbeat.heard > SILENCE_LIMIT]
    condemned = [heartbeat for heartbeat in silent if heartbeat.is_condemned]
    if len(silent) >= FEW and len(silent) * 2 > len(heartbeats):
        silent = condemned
    ripe = [
        heartbeat
        for heartbeat in silent
        if heartbeat.is_condemned or now - heartbeat.playing_since >= GRACE_AFTER_START
    ]
    ripe.sort(key=lambda heartbeat: (heartbeat.heard, heartbeat.actor))
    return tuple(heartbeat.actor for heartbeat in ripe[:MOST_AT_ONCE])
