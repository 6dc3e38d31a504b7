"""Decides which silent actors count as lost before Ray is sure: slowly, and never all at once.

Pure. A suspect loses its game to a standby. The game stream is the lease, so a suspect that was
only slow finds that out by itself and leaves. A wrong suspicion costs one reconnect, a missing one
costs the clock. Moments are `timedelta` on one monotonic clock.
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
MASS_SILENCE = 2
"""From this many on, silence of the majority is more likely our own fault than the actors'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A busy actor's last answer to a ping; `is_condemned`: Ray calls its node dead or draining."""

    actor: ActorName
    last_seen: timedelta
    playing_since: timedelta
    is_condemned: bool = False


def suspects(
    heartbeats: Collection[Heartbeat], *, now: timedelta, own_stall: timedelta | None
) -> tuple[ActorName, ...]:
    """Returns the actors to replace now, longest silent first, at most `MOST_AT_ONCE`.

    Args:
        heartbeats: one for each actor that plays.
        now: the moment of judgement.
        own_stall: when our own loop last stood still, and could read no answers.
    """
    if own_stall is not None and now - own_stall < GRACE_AFTER_OWN_STALL:
        return ()
    silent = [beat for beat in heartbeats if now - beat.last_seen > SILENCE_LIMIT]
    if len(silent) >= MASS_SILENCE and len(silent) * 2 > len(heartbeats):
        silent = [beat for beat in silent if beat.is_condemned]
    ripe = [
        beat
        for beat in silent
        if beat.is_condemned or now - beat.playing_since >= GRACE_AFTER_START
    ]
    ripe.sort(key=lambda beat: (beat.last_seen, beat.actor))
    return tuple(beat.actor for beat in ripe[:MOST_AT_ONCE])
