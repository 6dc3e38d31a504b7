"""Typed stubs of our actors: every method takes and returns a Message and has a deadline.

Only this module knows the names of remote methods. Those names are part of the protocol between
two versions of crabstick, and stay.

Every method raises, unless it says otherwise:
    ActorGone: the actor is dead, or its node has left.
    ActorSilent: no answer within `patience`, or the actor is being restarted (`ActorAway`).
    ActorFailed: the actor's code raised, or has no such method.
    WrongProtocol: the answer is none that this version understands.
"""

from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from actors.cluster import ActorFailed, ActorGone, ActorSilent, Handle, ask, kill_actor
from actors.messages import (
    EMPTY,
    Assigned,
    Assignment,
    Claim,
    Description,
    ForeignDescription,
    GamesLeft,
    GameUpdate,
    GaveUp,
    HandOverRequest,
    ListenerDescription,
    LoadAnswer,
    Message,
    Outcome,
    Ownership,
    Packed,
    Report,
    ResyncRequest,
    Statistics,
    WorkerSetDescription,
)

__all__ = ["ActorClient", "EngineActorClient", "EventListenerClient", "WorkerSetClient"]

M = TypeVar("M", bound=Message)


class ActorClient:
    """Any actor of ours."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    @property
    def handle(self) -> Handle:
        """Ray's handle."""
        return self._handle

    async def _call(
        self, method: str, message: Message | Packed, patience: timedelta | None
    ) -> Packed:
        packed = message.pack() if isinstance(message, Message) else message
        try:
            remote = getattr(self._handle, method).remote
        except AttributeError:
            raise ActorFailed(f"the actor runs other code, which has no {method!r}") from None
        return await ask(remote(packed), patience)

    def kill(self, *, may_restart: bool = False) -> None:
        """Kills the actor; idempotent. Blocks on Ray's GCS."""
        kill_actor(self._handle, may_restart=may_restart)

    async def ping(self, patience: timedelta) -> None:
        """Returns as soon as the actor says anything."""
        await self._call("describe", EMPTY, patience)


class WorkerSetClient(ActorClient):
    """The WorkerSet, as everyone else sees it."""

    @classmethod
    def of_sender(cls, message: Packed) -> "WorkerSetClient | None":
        """The WorkerSet that sent `message` to an EngineActor, if it showed its handle."""
        handle = message.get("manager")
        return None if handle is None else cls(handle)  # type: ignore[arg-type]  # Ray's own

    async def describe(self, patience: timedelta) -> WorkerSetDescription:
        """Which bot runs, with which code and settings."""
        return WorkerSetDescription.read(await self._call("describe", EMPTY, patience))

    async def game_started(self, update: GameUpdate, patience: timedelta) -> None:
        """A game runs. Idempotent."""
        await self._call("game_started", update, patience)

    async def game_finished(self, update: GameUpdate, patience: timedelta) -> None:
        """Lichess says that a game is over. Idempotent."""
        await self._call("game_finished", update, patience)

    async def room_wanted(self, patience: timedelta) -> None:
        """A challenge was declined that one more node would have had room for."""
        await self._call("room_wanted", EMPTY, patience)

    async def load(self, patience: timedelta) -> LoadAnswer:
        """How many games run and how many more could."""
        return LoadAnswer.read(await self._call("load", EMPTY, patience))

    async def owns(self, claim: Claim, patience: timedelta) -> Ownership:
        """Whether a game belongs to the actor that claims it."""
        return Ownership.read(await self._call("owns", claim, patience))

    async def report(self, report: Report, patience: timedelta) -> None:
        """What happened since the last report."""
        await self._call("report", report, patience)

    def report_unawaited(self, report: Report) -> None:
        """Sends a report and does not wait; a lost report is only a gap."""
        with suppress(AttributeError):
            self._handle.report.remote(report.pack())

    async def statistics(self, patience: timedelta) -> Statistics:
        """Everything that `/metrics`, `/games`, `status` and the live table show."""
        return Statistics.read(await self._call("statistics", EMPTY, patience))

    async def shut_down(self, patience: timedelta) -> GamesLeft:
        """Ends the standbys; the games stay with their actors. Idempotent."""
        return GamesLeft.read(await self._call("shut_down", EMPTY, patience))


class EventListenerClient(ActorClient):
    """The EventListener, as everyone else sees it."""

    async def describe(self, patience: timedelta) -> ListenerDescription:
        """When Lichess was last heard."""
        return ListenerDescription.read(await self._call("describe", EMPTY, patience))

    async def shut_down(self, patience: timedelta) -> None:
        """Stops answering challenges. Idempotent."""
        await self._call("shut_down", EMPTY, patience)


class EngineActorClient(ActorClient):
    """One EngineActor, as the WorkerSet and the commands see it.

    Args:
        handle: Ray's.
        worker_set: the handle that the actor learns with its first calls; None for a caller that
            is no WorkerSet.
    """

    def __init__(self, handle: Handle, worker_set: Handle | None = None) -> None:
        super().__init__(handle)
        self._worker_set = worker_set

    async def describe(self, patience: timedelta) -> Description:
        """What the actor does; answers as soon as the actor is warm. Also the ping."""
        return Description.read(await self._call("describe", EMPTY, patience))

    async def describe_any(self, patience: timedelta) -> ForeignDescription:
        """The little that can be read of an actor of any version."""
        return ForeignDescription.model_validate(await self._call("describe", EMPTY, patience))

    async def assign(self, assignment: Assignment, patience: timedelta) -> Assigned:
        """Gives the actor a game. Idempotent."""
        return Assigned.read(await self._call("assign", assignment, patience))

    async def hand_over(self, request: HandOverRequest, patience: timedelta) -> None:
        """Has the actor leave its game between two moves. Idempotent."""
        await self._call("leave", request, patience)

    async def resync(self, request: ResyncRequest, patience: timedelta) -> None:
        """Has an actor that still waits at that ply open its game stream anew. Idempotent."""
        await self._call("look", request, patience)

    async def give_up(self, patience: timedelta) -> GaveUp:
        """Resigns the actor's game, if it has one."""
        return GaveUp.read(await self._call("give_up", EMPTY, patience))

    async def outcome(self) -> Outcome:
        """Returns when the actor's work is done, however long that takes: supervises it."""
        try:
            return Outcome.read(await self._call("outcome", EMPTY, None))
        except ActorSilent as error:  # dead as well: its node left before the actor was there
            raise ActorGone(str(error)) from None

    async def _call(
        self, method: str, message: Message | Packed, patience: timedelta | None
    ) -> Packed:
        """The handle of the WorkerSet goes along until the actor has answered once."""
        packed = message.pack() if isinstance(message, Message) else message
        if self._worker_set is not None and method != "outcome":  # a handle is a third of a call
            packed = {**packed, "manager": self._worker_set}
        answer = await super()._call(method, packed, patience)
        if method != "outcome":
            self._worker_set = None
        return answer
