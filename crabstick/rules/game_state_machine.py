"""One game as a state machine: `step(play, event)` returns the next state and the effects.

Pure. `crabstick.game.player` feeds it events and carries out the effects. `TRANSITIONS` lists every
transition; any other step is our own bug and raises. The diagram in docs/game-states.md is
generated from the table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import Any

import chess

from crabstick.errors import InvariantBroken
from crabstick.rules.game_events import (
    Abort,
    Advanced,
    Answered,
    Chosen,
    ClaimVictory,
    EchoOverdue,
    Effect,
    Event,
    Finish,
    HandOver,
    HandOverRequested,
    Intent,
    NoShow,
    Opened,
    OpponentLeft,
    Post,
    PostAgain,
    Resync,
    Schedule,
    StopSearch,
    StreamLost,
    Think,
)
from crabstick.rules.lichess_types import (
    Denied,
    GameState,
    Limited,
    Posted,
    RefusedPost,
    Unanswered,
)

MAX_REFUSALS = 3
"""After so many refusals in one position, a fresh stream cannot help: the bug is ours."""

ABORTABLE_PLIES = 2
"""A game can be aborted before its second ply. Source: lila, `Game.abortable`."""


class Phase(Enum):
    """The state of the game from our side."""

    SYNCING = "syncing"  # no open stream: our position may be out of date
    THINKING = "thinking"  # our turn, the engine searches
    POSTING = "posting"  # our move is on its way; the stream will echo it
    WAITING = "waiting"  # the opponent's turn
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """The state of one game.

    `searching` is the ply that the engine works on, `chosen` our move for `ply`. Both survive a
    lost stream, so a reconnect wastes no search. `is_handing_over`: the game goes to another actor
    as soon as that wastes no search either.
    """

    phase: Phase = Phase.SYNCING
    color: chess.Color = chess.WHITE
    white_starts: bool = True
    can_abort: bool = True
    state: GameState | None = None
    searching: int | None = None
    chosen: str | None = None
    intent: Intent = "play"
    attempts: int = 0
    refusals: int = 0
    is_handing_over: bool = False

    @property
    def ply(self) -> int:
        """How many moves have been played."""
        return len(self.state.moves) if self.state else 0

    @property
    def is_our_turn(self) -> bool:
        """Whether `color` moves next."""
        white_moves = (self.ply % 2 == 0) == self.white_starts
        return white_moves == (self.color == chess.WHITE)

    @property
    def time_left(self) -> timedelta | None:
        """Our clock in the last line; None without a clock, or before the first line."""
        return self.state.clock_of(self.color)[0] if self.state else None


Step = tuple[Play, tuple[Effect, ...]]

_MOVED_ON = frozenset({Phase.THINKING, Phase.WAITING, Phase.OVER})

TRANSITIONS: Mapping[Phase, Mapping[type[Event], frozenset[Phase]]] = {
    Phase.SYNCING: {
        Opened: _MOVED_ON | {Phase.POSTING},
        StreamLost: frozenset({Phase.SYNCING}),
        Chosen: frozenset({Phase.SYNCING}),
        Answered: frozenset({Phase.SYNCING}),
        EchoOverdue: frozenset({Phase.SYNCING}),
        NoShow: frozenset({Phase.SYNCING}),
        Advanced: frozenset({Phase.SYNCING}),
        OpponentLeft: frozenset({Phase.SYNCING}),
        HandOverRequested: frozenset({Phase.SYNCING, Phase.OVER}),
    },
    Phase.THINKING: {
        Advanced: _MOVED_ON,
        StreamLost: frozenset({Phase.SYNCING}),
        Chosen: frozenset({Phase.POSTING, Phase.THINKING}),
        Answered: frozenset({Phase.THINKING}),
        EchoOverdue: frozenset({Phase.THINKING}),
        NoShow: frozenset({Phase.THINKING}),
        OpponentLeft: frozenset({Phase.THINKING}),
        HandOverRequested: frozenset({Phase.THINKING, Phase.OVER}),
    },
    Phase.POSTING: {
        Advanced: _MOVED_ON | {Phase.POSTING},
        StreamLost: frozenset({Phase.SYNCING}),
        Chosen: frozenset({Phase.POSTING}),
        Answered: frozenset({Phase.POSTING, Phase.SYNCING}),
        EchoOverdue: frozenset({Phase.POSTING, Phase.SYNCING}),
        NoShow: frozenset({Phase.POSTING}),
        OpponentLeft: frozenset({Phase.POSTING}),
        HandOverRequested: frozenset({Phase.POSTING, Phase.OVER}),
    },
    Phase.WAITING: {
        Advanced: _MOVED_ON,
        StreamLost: frozenset({Phase.SYNCING}),
        Chosen: frozenset({Phase.WAITING}),
        Answered: frozenset({Phase.WAITING}),
        EchoOverdue: frozenset({Phase.WAITING}),
        NoShow: frozenset({Phase.WAITING}),
        OpponentLeft: frozenset({Phase.WAITING}),
        HandOverRequested: frozenset({Phase.OVER}),
    },
    Phase.OVER: {},
}


def step(play: Play, event: Event) -> Step:
    """Returns the next state and the effects, in the order in which to carry them out.

    Raises:
        InvariantBroken: the event cannot happen in this phase, or Lichess keeps refusing our move.
    """
    allowed = TRANSITIONS[play.phase].get(type(event))
    if allowed is None:
        raise InvariantBroken(f"{type(event).__name__} cannot happen while {play.phase.value}")
    after, effects = _HANDLERS[type(event)](play, event)
    if after.phase not in allowed:
        raise InvariantBroken(
            f"{type(event).__name__} led from {play.phase.value} to {after.phase.value}"
        )
    return after, effects


def _opened(play: Play, event: Opened) -> Step:
    full = event.full
    known = replace(
        play,
        color=event.color,
        white_starts=full.initial_fen == "startpos" or " w " in full.initial_fen,
        can_abort=not full.is_tournament and full.clock is not None,  # others take days
    )
    return _with_line(known, full.state)


def _advanced(play: Play, event: Advanced) -> Step:
    if play.phase is Phase.SYNCING:
        return play, (Resync(),)  # the stream did not begin with the whole game
    return _with_line(play, event.state)


def _with_line(play: Play, state: GameState) -> Step:
    """Applies the moves and clocks of a line, the first of a stream or a later one."""
    same_position = play.state is not None and play.state.moves == state.moves
    if same_position:
        play = replace(play, state=state)
    else:
        play = replace(play, state=state, chosen=None, attempts=0, refusals=0)
    if state.is_over:
        over = replace(play, phase=Phase.OVER, searching=None)
        return over, (StopSearch(), Finish(status=state.status, winner=state.winner))
    stale: tuple[Effect, ...] = ()
    if play.searching is not None and not (same_position and play.is_our_turn):
        play, stale = replace(play, searching=None), (StopSearch(),)
    after, effects = _our_turn(play) if play.is_our_turn else _their_turn(play)
    return after, stale + effects


def _our_turn(play: Play) -> Step:
    if play.phase is Phase.POSTING and play.chosen is not None:
        return play, ()  # the line has no new move: a draw offer, or the clocks
    if play.chosen is not None:
        post = Post(ply=play.ply, uci=play.chosen, intent=play.intent)
        return replace(play, phase=Phase.POSTING), (post,)
    thinking = replace(play, phase=Phase.THINKING, searching=play.ply)
    return thinking, () if play.searching == play.ply else (Think(ply=play.ply),)


def _their_turn(play: Play) -> Step:
    if play.is_handing_over:
        return _hand_over(play)
    watch = (Schedule(event=NoShow(ply=play.ply)),) if _may_abort(play) else ()
    return replace(play, phase=Phase.WAITING), watch


def _stream_lost(play: Play, _event: StreamLost) -> Step:
    return replace(play, phase=Phase.SYNCING), (Resync(),)


def _chosen(play: Play, event: Chosen) -> Step:
    if play.searching != event.ply or event.ply != play.ply:
        return play, ()
    is_open = play.phase is Phase.THINKING  # else the move is posted once the stream is open again
    phase = Phase.POSTING if is_open else play.phase
    chosen = replace(
        play, phase=phase, searching=None, chosen=event.uci, intent=event.intent, attempts=0
    )
    post = Post(ply=event.ply, uci=event.uci, intent=event.intent)
    return chosen, (post,) if is_open else ()


def _answered(play: Play, event: Answered) -> Step:
    if play.phase is not Phase.POSTING or play.chosen is None or event.ply != play.ply:
        return play, ()  # the stream has shown the move already, or is being reopened
    match event.outcome:
        case Posted():
            return play, (Schedule(event=EchoOverdue(ply=event.ply)),)
        case RefusedPost(why=why):
            return _refused(play, why)
        case Limited(retry_after=after):
            return _post_again(play, is_limited=True, after=after)
        case Unanswered() | Denied():
            return _post_again(play)


def _refused(play: Play, why: str) -> Step:
    """Our view of the game is wrong: a fresh stream corrects it."""
    if play.refusals + 1 >= MAX_REFUSALS:
        raise InvariantBroken(f"Lichess keeps refusing {play.chosen} at ply {play.ply}: {why}")
    synced = replace(play, phase=Phase.SYNCING, chosen=None, refusals=play.refusals + 1)
    return synced, (Resync(),)


def _post_again(play: Play, *, is_limited: bool = False, after: timedelta | None = None) -> Step:
    again = PostAgain(
        ply=play.ply,
        uci=play.chosen or "",
        attempt=play.attempts,
        is_limited=is_limited,
        after=after,
        intent=play.intent,
    )
    return replace(play, attempts=play.attempts + 1), (again,)


def _echo_overdue(play: Play, event: EchoOverdue) -> Step:
    if play.phase is not Phase.POSTING or event.ply != play.ply:
        return play, ()
    return replace(play, phase=Phase.SYNCING), (Resync(),)


def _no_show(play: Play, event: NoShow) -> Step:
    if play.phase is not Phase.WAITING or event.ply != play.ply or not _may_abort(play):
        return play, ()
    return play, (Abort(),)


def _opponent_left(play: Play, event: OpponentLeft) -> Step:
    line = event.line
    may_claim = line.gone and line.claim_win_in is not None and not line.claim_win_in
    return play, (ClaimVictory(),) if may_claim and play.phase is Phase.WAITING else ()


def _hand_over_requested(play: Play, event: HandOverRequested) -> Step:
    requested = replace(play, is_handing_over=True)
    if event.at_once or play.phase is Phase.WAITING:
        return _hand_over(requested)
    return requested, ()


def _hand_over(play: Play) -> Step:
    """The successor learns from the stream whether an in-flight move was accepted."""
    stale = () if play.searching is None else (StopSearch(),)
    return replace(play, phase=Phase.OVER, searching=None), (*stale, HandOver())


def _may_abort(play: Play) -> bool:
    """Whether Lichess allows an abort: before the second ply, and not in a tournament."""
    return play.can_abort and play.ply < ABORTABLE_PLIES


_HANDLERS: Mapping[type[Event], Callable[[Play, Any], Step]] = {
    Opened: _opened,
    Advanced: _advanced,
    StreamLost: _stream_lost,
    Chosen: _chosen,
    Answered: _answered,
    EchoOverdue: _echo_overdue,
    NoShow: _no_show,
    OpponentLeft: _opponent_left,
    HandOverRequested: _hand_over_requested,
}


def diagram() -> str:
    """The table as a Mermaid state diagram, without the events that leave the phase as it is."""
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.SYNCING.value}"]
    for phase, events in TRANSITIONS.items():
        for event, targets in events.items():
            lines += [
                f"    {phase.value} --> {target.value}: {event.__name__}"
                for target in Phase
                if target in targets and target is not phase
            ]
    return "\n".join([*lines, f"    {Phase.OVER.value} --> [*]", ""])
