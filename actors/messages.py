"""The messages between our actors: plain dicts on the wire, checked values on both sides.

Frozen dataclasses would unpickle by position and mix up fields between versions, so messages cross
as dicts (`pack`) and are checked on arrival (`Message.read`). `PROTOCOL` grows with every change
that an older peer would misread; unknown keys are ignored.

`limits` in a message are the sender's exported `RateLimits`: Unix ms by endpoint, and for the
stream budget.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from crabstick.errors import CrabstickError
from crabstick.rules.cluster_view import DEFAULT_ENGINE, ActorPhase, EngineReport, GameRecord
from crabstick.rules.lichess_types import GameId, GameSummary, NodeId

PROTOCOL = 1

Packed = dict[str, object]
"""A message on the wire."""
EMPTY: Packed = {"v": PROTOCOL}
"""A message without content."""


class WrongProtocol(CrabstickError):
    """A peer speaks another version of our messages, or sent something else."""


class AnyMessage(BaseModel):
    """The base of all messages, of any protocol; `v` is the sender's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    v: int = PROTOCOL

    def pack(self) -> Packed:
        """The message as a plain dict."""
        return self.model_dump(mode="json")

    @classmethod
    def read(cls, message: object) -> Self:
        """Reads a message from another process.

        Raises:
            WrongProtocol: this version does not understand it.
        """
        try:
            return cls.model_validate(message)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            raise WrongProtocol(
                f"{cls.__name__}: {'.'.join(map(str, first['loc']))}: {first['msg']}; "
                f"this process speaks protocol {PROTOCOL}"
            ) from None


class ForeignDescription(AnyMessage):
    """The part of an EngineActor's description that every protocol has."""

    phase: str = ""
    game: str | None = None


class Message(AnyMessage):
    """The base of the messages of our protocol."""

    v: Literal[1] = 1


class ActorConfig(Message):
    """An actor's arguments; they hold no secrets, because Ray's GCS stores them in plain text.

    `lacks` are the variants that the settings accept and an engine does not play, by the engine's
    name. `engine` is the name of an EngineActor's engine.
    """

    name: str
    namespace: str
    bot: str
    fingerprint: str
    settings: Packed
    lacks: Mapping[str, Sequence[str]] = {}
    engine: str = DEFAULT_ENGINE


class Assignment(Message):
    """WorkerSet → EngineActor: play this game."""

    game: str
    epoch: int
    takeovers: int = 0
    deaths: int = 0
    engine: Literal["own", "embedded"] = "own"
    """`embedded`, the word of 0.1.0, means the bundled engine."""
    limits: dict[str, int] = {}


class DashboardCall(Message):
    """EngineActor → itself: a pending call, whose `title` names the actor in the dashboard."""

    title: str


class HandOverRequest(Message):
    """WorkerSet → EngineActor: leave this game between two moves, or after `within_s`.

    `game` is None in a message from 0.1.0, whose actors play one game; so is it in the next one.
    """

    within_s: float
    game: str | None = None


class ResyncRequest(Message):
    """WorkerSet → EngineActor: if you still wait at this ply, you have missed a line."""

    ply: int
    game: str | None = None


class Progress(Message):
    """The state of a game as people see it: in the live table, `/games` and the dashboard."""

    opponent: str = ""
    color: Literal["white", "black", ""] = ""
    clock: str = ""
    ply: int = 0
    last_move: str = ""
    white_ms: int | None = None
    black_ms: int | None = None
    score: str = ""
    depth: int = 0


class Assigned(Message):
    """EngineActor → WorkerSet: whether I take the game; False when I play another one."""

    taken: bool = True


class GaveUp(Message):
    """EngineActor → caller: whether I resigned a game."""

    gave_up: bool = False


class GamesLeft(Message):
    """WorkerSet → caller: how many games continue after the shutdown."""

    games: int = 0


class WorkerSetDescription(Message):
    """WorkerSet → caller: which bot runs here, with which code and settings."""

    fingerprint: str = ""
    bot: str = ""
    pid: int = 0
    settings: Packed = {}


class Order(Message):
    """Command line → EventListener: something to do now, with its arguments."""

    what: str
    words: dict[str, str | int | bool | None] = {}


class OrderReply(Message):
    """EventListener → command line: lines to print, or why it was not done."""

    lines: tuple[str, ...] = ()
    error: str = ""


class ListenerDescription(Message):
    """EventListener → caller: the age of the last line from Lichess (None: no line yet)."""

    fingerprint: str = ""
    age_s: float | None = None
    pid: int = 0
    problem: str = ""


class Description(Message):
    """EngineActor → WorkerSet: who I am and what I do.

    `problem` is why I cannot play; with `lacks_engine` I could play with the bundled engine.
    """

    name: str
    node: str
    pid: int
    fingerprint: str
    phase: Literal["starting", "standby", "playing", "ending"]
    engine: str = DEFAULT_ENGINE
    game: str | None = None
    epoch: int = 0
    takeovers: int = 0
    deaths: int = 0
    problem: str = ""
    lacks_engine: bool = False
    progress: Progress = Progress()
    limits: dict[str, int] = {}

    def report(self) -> EngineReport:
        """The description as input for the registry."""
        progress = self.progress
        left_ms = progress.black_ms if progress.color == "black" else progress.white_ms
        return EngineReport(
            node=NodeId(self.node),
            phase=ActorPhase(self.phase),
            engine=self.engine,
            game=None if self.game is None else GameId(self.game),
            epoch=self.epoch,
            takeovers=self.takeovers,
            deaths=self.deaths,
            fingerprint=self.fingerprint,
            problem=self.problem,
            lacks_engine=self.lacks_engine,
            ply=progress.ply,
            time_left=None if left_ms is None else timedelta(milliseconds=left_ms),
            progress=progress.model_dump(),
        )


class Outcome(Message):
    """EngineActor → WorkerSet: how my game ended for me.

    `replaced`: another actor has the game; `handed_over`: another actor gets it; `unplayable`:
    Lichess does not let us play it. An actor that does not stay ends; none stayed in 0.1.0.
    """

    name: str
    game: str | None = None
    epoch: int = 0
    reason: Literal["finished", "replaced", "handed_over", "unplayable"]
    status: str = ""
    result: Literal["won", "lost", "drawn", "aborted", ""] = ""
    stays: bool = False


class Claim(Message):
    """EngineActor → WorkerSet: is this game still mine? The answer is an `Ownership`."""

    game: str
    actor: str
    epoch: int


class Ownership(Message):
    """WorkerSet → EngineActor: whether the game is yours; None: unknown."""

    owner: bool | None
    limits: dict[str, int] = {}


class GameUpdate(Message):
    """EventListener → WorkerSet: a game runs, is over, or would need room.

    `engine` is what plays it, if known.
    """

    game: str = ""
    opponent: str = ""
    speed: str = ""
    engine: str = ""
    left_ms: int | None = None

    @classmethod
    def of(cls, game: GameSummary, engine: str = "") -> Self:
        """The update for a running game; `left_ms` is set only while it is our turn."""
        left_ms = None
        if game.is_my_turn and game.time_left is not None:
            left_ms = round(game.time_left / timedelta(milliseconds=1))
        return cls(
            game=game.id,
            opponent=str(game.opponent),
            speed=game.speed,
            engine=engine,
            left_ms=left_ms,
        )

    def record(self) -> GameRecord:
        """The update as input for the registry."""
        urgency = None if self.left_ms is None else timedelta(milliseconds=self.left_ms)
        return GameRecord(
            id=GameId(self.game),
            opponent=self.opponent,
            speed=self.speed,
            engine=self.engine,
            urgency=urgency,
        )


class LoadAnswer(Message):
    """WorkerSet → EventListener: the games, the room for more now, and whether a node may come.

    `room` and `may_grow` are about the default engine, `rooms` and `growing` about the others.
    """

    games: tuple[str, ...]
    room: int
    rooms: dict[str, int] = {}
    may_grow: bool = False
    growing: tuple[str, ...] = ()
    limits: dict[str, int] = {}


class ListenerStatus(Message):
    """The age of the last line from Lichess, and the trouble with the event stream, if any."""

    age_s: float
    problem: str = ""
    line: tuple[str, ...] = ()
    """The challengers who wait for a game, first in line first."""


class Report(Message):
    """Any actor → WorkerSet: additions to the metrics since the last report.

    `counts` are (metric, label, by), `samples` are (metric, seconds). `memory` says how short the
    sender's machine is of memory; empty when it has enough.
    """

    sender: str
    counts: tuple[tuple[str, str | None, int], ...] = ()
    samples: tuple[tuple[str, float], ...] = ()
    limits: dict[str, int] = {}
    memory: str = ""
    hearing: ListenerStatus | None = None


class GameRow(Progress):
    """One game in `Statistics`; a game without an actor has no progress."""

    id: str
    speed: str = ""
    takeovers: int = 0
    actor: str | None = None
    node: str | None = None


class ActorRow(Message):
    """One EngineActor in `Statistics`."""

    name: str
    phase: str
    node: str = ""


class Statistics(Message):
    """WorkerSet → caller: the data of `/metrics`, `/games`, `status` and the live table.

    `problem` is why the bot cannot play as it should. `ledger` has the metrics as JSON; `metrics`
    has them in Prometheus's text format. A WorkerSet older than `metrics` leaves `metrics` empty.
    """

    bot: str
    fingerprint: str = ""
    problem: str = ""
    limits: dict[str, int] = {}
    ledger: Packed = {}
    metrics: str = ""
    games: tuple[GameRow, ...] = ()
    actors: tuple[ActorRow, ...] = ()
    line: tuple[str, ...] = ()
    """The challengers who wait for a game, first in line first."""

    def shown(self) -> Packed:
        """The statistics as users see them, without values that were never set."""
        return {key: value for key, value in self.pack().items() if key != "metrics"}

    def pack(self) -> Packed:
        """The message as a plain dict, without values that were never set."""
        return {"v": self.v, **self.model_dump(mode="json", exclude_unset=True)}
