"""Decides which silent actors count as lost before Ray is sure: slowly, and never all at once.

Pure. A suspect loses its game to a standby. The game stream is the lease, so a suspect that was
only slow finds that out by itself and leaves. A wrong suspicion costs one reconnect, a missing one
costs the clock. Moments are `timedelta` on one monotonic clock.
"""

from collections.abc import Collection
from datetime import timedelta

from crabstick.rules.cluster_view import ActorPhase, EngineRecord
from crabstick.rules.lichess_types import ActorName, NodeId

SILENCE_LIMIT = timedelta(seconds=3)
GRACE_AFTER_START = timedelta(seconds=10)
GRACE_AFTER_OWN_STALL = timedelta(seconds=5)
MOST_AT_ONCE = 2
MASS_SILENCE = 2
"""From this many on, silence of the majority is more likely our own fault than the actors'."""


def suspects(
    engines: Collection[EngineRecord],
    staying: Collection[NodeId],
    *,
    now: timedelta,
    own_stall: timedelta | None,
) -> tuple[ActorName, ...]:
    """Returns the actors to replace now, longest silent first, at most `MOST_AT_ONCE`.

    Args:
        engines: all actors; only those that play are judged.
        staying: the nodes that Ray calls neither dead nor draining.
        now: the moment of judgement.
        own_stall: when our own loop last stood still, and could read no answers.
    """
    if own_stall is not None and now - own_stall < GRACE_AFTER_OWN_STALL:
        return ()
    busy = [engine for engine in engines if engine.phase is ActorPhase.PLAYING]
    silent = [engine for engine in busy if now - engine.last_seen > SILENCE_LIMIT]
    if len(silent) >= MASS_SILENCE and len(silent) * 2 > len(busy):
        silent = [engine for engine in silent if engine.node not in staying]
    ripe = [
        engine
        for engine in silent
        if engine.node not in staying or now - engine.since >= GRACE_AFTER_START
    ]
    ripe.sort(key=lambda engine: (engine.last_seen, engine.name))
    return tuple(engine.name for engine in ripe[:MOST_AT_ONCE])
