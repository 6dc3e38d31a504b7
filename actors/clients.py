"""Our actors: their names, how to find them, and typed stubs whose methods exchange Messages.

Only this module knows the names of remote methods, except for `shown`, which an EngineActor calls
on itself. Those names belong to the protocol between two versions of crabstick, and stay. Every
method that awaits an answer has a deadline, except `outcome`.

An actor keeps its name in Ray, whatever it plays.

Unless its docstring says otherwise, every method raises what `CALL_ERRORS` lists:
    ActorGone: the actor is dead, or its node has left.
    ActorSilent: no answer within `patience`, or the actor is being restarted (`ActorAway`).
    ActorFailed: the actor's code raised, or has no such method, or Ray refused the call.
    WrongProtocol: this version does not understand the answer.
"""

from contextlib import suppress
from datetime import timedelta

from actors.cluster import (
    GCS_PATIENCE,
    ActorError,
    ActorFailed,
    ActorGone,
    ActorSilent,
    Handle,
    ask,
    find_actor,
    find_actors,
    kill_actor,
    let_methods_take_a_message,
)
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
    Order,
    OrderReply,
    Outcome,
    Ownership,
    Packed,
    Report,
    ResyncRequest,
    Statistics,
    WorkerSetDescription,
    WrongProtocol,
)
from crabstick.rules.lichess_types import ActorName

WORKER_SET = "worker-set"
EVENT_LISTENER = "event-listener"
_ENGINE_PREFIX = "engine:"
CALL_ERRORS = (ActorError, WrongProtocol)


def engine_actor_name(number: int) -> ActorName:
    """`engine:<number>`."""
    return ActorName(f"{_ENGINE_PREFIX}{number}")


def number_of(name: ActorName) -> int:
    """The number in the name of an EngineActor; 0 for a name that we do not give."""
    number = name.removeprefix(_ENGINE_PREFIX)
    return int(number) if number.isdecimal() else 0


def is_engine_actor(name: str) -> bool:
    """Whether this is the name of an EngineActor."""
    return name.startswith(_ENGINE_PREFIX)


class ActorClient:
    """A stub of any of our actors."""

    def __init__(self, handle: Handle) -> None:
        let_methods_take_a_message(handle)
        self.handle = handle

    async def _call(
        self, method: str, message: Message | Packed, patience: timedelta | None
    ) -> Packed:
        packed = message.pack() if isinstance(message, Message) else message
        try:
            remote = getattr(self.handle, method).remote
        except AttributeError:
            raise ActorFailed(f"the actor runs other code, which has no {method!r}") from None
        try:
            answer = remote(packed)
        except TypeError as error:  # the message does not fit what Ray knows of the method
            raise ActorFailed(f"Ray refuses to call {method!r}: {error}") from None
        return await ask(answer, patience)

    def kill(self) -> None:
        """Kills the actor; idempotent. Blocks on Ray's GCS."""
        kill_actor(self.handle)

    async def ping(self, patience: timedelta) -> None:
        """Returns when the actor answers at all."""
        await self._call("describe", EMPTY, patience)


class WorkerSetClient(ActorClient):
    """The stub of the WorkerSet."""

    @classmethod
    def of_sender(cls, message: Packed) -> "WorkerSetClient | None":
        """The WorkerSet that sent `message` to an EngineActor, if the message has its handle."""
        handle = message.get("manager")
        return None if handle is None else cls(handle)  # type: ignore[arg-type]  # Ray's own

    async def describe(self, patience: timedelta) -> WorkerSetDescription:
        """Returns which bot runs, with which code and settings."""
        return WorkerSetDescription.read(await self._call("describe", EMPTY, patience))

    async def game_started(self, update: GameUpdate, patience: timedelta) -> None:
        """Reports a running game. Idempotent."""
        await self._call("game_started", update, patience)

    async def game_finished(self, update: GameUpdate, patience: timedelta) -> None:
        """Reports that Lichess calls a game over. Idempotent."""
        await self._call("game_finished", update, patience)

    async def room_wanted(self, wanted: GameUpdate, patience: timedelta) -> None:
        """Reports a declined challenge for which one more node would have had room."""
        await self._call("room_wanted", wanted, patience)

    async def load(self, patience: timedelta) -> LoadAnswer:
        """Returns how many games run and how many more could."""
        return LoadAnswer.read(await self._call("load", EMPTY, patience))

    async def owns(self, claim: Claim, patience: timedelta) -> Ownership:
        """Returns whether a game belongs to the actor that claims it."""
        return Ownership.read(await self._call("owns", claim, patience))

    async def report(self, report: Report, patience: timedelta) -> None:
        """Reports what happened since the last report."""
        await self._call("report", report, patience)

    def report_unawaited(self, report: Report) -> None:
        """Sends a report without waiting; a lost report is only a gap."""
        with suppress(AttributeError, TypeError):
            self.handle.report.remote(report.pack())

    async def statistics(self, patience: timedelta) -> Statistics:
        """Returns what `/metrics`, `/games`, `status` and the live table show."""
        return Statistics.read(await self._call("statistics", EMPTY, patience))

    async def shut_down(self, patience: timedelta) -> GamesLeft:
        """Ends the standbys; games stay with their actors. Idempotent."""
        return GamesLeft.read(await self._call("shut_down", EMPTY, patience))


class EventListenerClient(ActorClient):
    """The stub of the EventListener."""

    async def describe(self, patience: timedelta) -> ListenerDescription:
        """Returns how old the last line from Lichess is."""
        return ListenerDescription.read(await self._call("describe", EMPTY, patience))

    async def order(self, order: Order, patience: timedelta) -> OrderReply:
        """Has something done now."""
        return OrderReply.read(await self._call("order", order, patience))

    async def shut_down(self, patience: timedelta) -> None:
        """Stops answering challenges. Idempotent."""
        await self._call("shut_down", EMPTY, patience)


class EngineActorClient(ActorClient):
    """The stub of an EngineActor; the first calls give it the handle of the WorkerSet, if any."""

    def __init__(self, handle: Handle, worker_set: Handle | None = None) -> None:
        super().__init__(handle)
        self._worker_set = worker_set

    async def describe(self, patience: timedelta) -> Description:
        """Returns what the actor does, as soon as the actor is warm. Also the ping."""
        return Description.read(await self._call("describe", EMPTY, patience))

    async def describe_any(self, patience: timedelta) -> ForeignDescription:
        """Returns the part of a description that every version has."""
        return ForeignDescription.read(await self._call("describe", EMPTY, patience))

    async def assign(self, assignment: Assignment, patience: timedelta) -> Assigned:
        """Gives the actor a game. Idempotent."""
        return Assigned.read(await self._call("assign", assignment, patience))

    async def hand_over(self, request: HandOverRequest, patience: timedelta) -> None:
        """Asks the actor to leave its game between two moves. Idempotent."""
        await self._call("leave", request, patience)

    async def resync(self, request: ResyncRequest, patience: timedelta) -> None:
        """Makes an actor that still waits at that ply reopen its game stream. Idempotent."""
        await self._call("look", request, patience)

    async def give_up(self, patience: timedelta) -> GaveUp:
        """Resigns the actor's game, if it has one."""
        return GaveUp.read(await self._call("give_up", EMPTY, patience))

    async def outcome(self) -> Outcome:
        """Returns when the next game ends for the actor, without a deadline: supervises it."""
        try:
            return Outcome.read(await self._call("outcome", EMPTY, None))
        except ActorSilent as error:  # the node left before the actor was there
            raise ActorGone(str(error)) from None

    async def _call(
        self, method: str, message: Message | Packed, patience: timedelta | None
    ) -> Packed:
        """Adds the handle of the WorkerSet until the actor has answered once."""
        packed = message.pack() if isinstance(message, Message) else message
        if self._worker_set is not None and method != "outcome":  # a handle costs a third of a call
            packed = {**packed, "manager": self._worker_set}
        answer = await super()._call(method, packed, patience)
        if method != "outcome":
            self._worker_set = None
        return answer


async def find_worker_set(namespace: str) -> WorkerSetClient | None:
    """The WorkerSet of a bot; None when there is none. Raises `ActorAway`, as do the two below."""
    handle = await find_actor(WORKER_SET, namespace)
    return None if handle is None else WorkerSetClient(handle)


async def find_listener(namespace: str) -> EventListenerClient | None:
    """The EventListener of a bot; None when there is none."""
    handle = await find_actor(EVENT_LISTENER, namespace)
    return None if handle is None else EventListenerClient(handle)


async def engine_actors(
    namespace: str, patience: timedelta = GCS_PATIENCE
) -> list[EngineActorClient]:
    """All living EngineActors of a bot."""
    found = await find_actors(namespace, is_engine_actor, patience=patience)
    return [EngineActorClient(handle) for handle in found.values()]
