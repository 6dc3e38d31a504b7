"""Faults on demand: streams that are cut or silent, calls that fail, lost answers.

Pure except for changes to streams. A fault arrives as JSON at the admin endpoint; an invalid one is
refused with one sentence.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from crabstick.sandbox.errors import Json, api_error
from crabstick.sandbox.streams import Stream

_FOR_EVER_MS = float("inf")


class _Fault(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str | None = None
    """Only calls and streams of this user."""
    game: str | None = None
    """Only calls and streams of this game or challenge."""

    def matches(self, user_id: str, game_id: str) -> bool:
        """Whether user and game match."""
        right_user = self.user is None or self.user.lower() == user_id
        return right_user and (self.game is None or self.game == game_id[:8])


class _CallFault(_Fault):
    endpoint: str | None = None
    """Only this endpoint, named as in the ledger: `move`, `game-stream`, ..."""
    method: str | None = None
    path: str | None = None
    """A pattern with `*`: `/api/bot/game/*/move/*`."""
    times: Annotated[int, Field(ge=1)] = 1
    """How many calls fail."""

    def matches_call(self, endpoint: str, method: str, path: str, who: tuple[str, str]) -> bool:
        """Whether a call matches."""
        return (
            self.matches(*who)
            and self.endpoint in {None, endpoint}
            and (self.method is None or self.method.upper() == method)
            and (self.path is None or fnmatchcase(path, self.path))
        )


class RateLimit(_CallFault):
    """Calls get a 429."""

    kind: Literal["rate-limit"]
    retry_after_s: Annotated[int, Field(ge=0)] | None = None
    """The header `Retry-After`; None omits it."""


class ServerError(_CallFault):
    """Calls get the reply of a broken server."""

    kind: Literal["server-error"]
    status: Annotated[int, Field(ge=500, le=504)] = 500


class LoseAnswer(_CallFault):
    """Calls take effect, but the connection closes without a reply."""

    kind: Literal["lose-answer"]
    endpoint: str | None = "move"


class _StreamFault(_Fault):
    endpoint: Literal["event-stream", "game-stream"] | None = None

    def matching(self, streams: Iterable[Stream]) -> list[Stream]:
        """The streams that match; those of challenges never do."""
        kinds = (self.endpoint,) if self.endpoint else ("event-stream", "game-stream")
        return [
            stream
            for stream in streams
            if f"{stream.reader.kind}-stream" in kinds
            and self.matches(stream.reader.user_id, stream.reader.game_id)
        ]


class Cut(_StreamFault):
    """Ends open streams now."""

    kind: Literal["cut"]
    how: Literal["end", "reset"] = "end"
    """`end`: the body ends properly; `reset`: the connection is reset."""


class Silence(_StreamFault):
    """Open streams send nothing, not even empty lines; their lines are lost."""

    kind: Literal["silence"]
    seconds: Annotated[float, Field(gt=0)] | None = None
    """The duration; None lasts until the fault is healed."""
    new_streams: bool = False
    """Whether streams that open meanwhile are silent too."""


AnyCallFault: TypeAlias = RateLimit | ServerError | LoseAnswer
Fault: TypeAlias = AnyCallFault | Cut | Silence
_ADAPTER: TypeAdapter[Fault] = TypeAdapter(Annotated[Fault, Field(discriminator="kind")])


class Faults:
    """The armed faults; they can use the endpoints of these names."""

    def __init__(self, endpoints: Iterable[str]) -> None:
        self._endpoints = frozenset(endpoints)
        self._last_number = 0
        self._armed: dict[int, tuple[AnyCallFault | Silence, float]] = {}
        """Number -> fault, and how many calls it still affects, or until when it lasts (ms)."""

    def arm(self, body: bytes, streams: Iterable[Stream], now_ms: float) -> Json:
        """Parses a fault and applies or arms it.

        Returns:
            The number of the fault, and how many open streams it affected.

        Raises:
            ApiError: the fault is invalid.
        """
        fault = self._read(body)
        self._last_number += 1
        number, affected = self._last_number, list[Stream]()
        match fault:
            case Cut(how=how):
                affected = fault.matching(streams)
                for stream in affected:
                    stream.end("cut" if how == "end" else "reset", reset=how == "reset")
            case Silence(seconds=seconds):
                until_ms = _FOR_EVER_MS if seconds is None else now_ms + seconds * 1000
                self._armed[number] = (fault, until_ms)
                affected = fault.matching(streams)
                for stream in affected:
                    stream.silence(until_ms)
            case _:
                self._armed[number] = (fault, fault.times)
        return {"fault": number, "streams": len(affected)}

    def heal(self, streams: Iterable[Stream], number: int | None = None) -> None:
        """Removes one fault, or all."""
        for healed in list(self._armed) if number is None else [number]:
            fault, _ = self._armed.pop(healed, (None, 0.0))
            if isinstance(fault, Silence):
                for stream in fault.matching(streams):
                    stream.silent_until_ms = 0.0

    def take(
        self, endpoint: str, method: str, path: str, who: tuple[str, str]
    ) -> AnyCallFault | None:
        """Finds the oldest fault that matches a call, and uses it once.

        `who` is user id and game id; each may be empty.
        """
        for number, (fault, left) in self._armed.items():
            if not isinstance(fault, Silence) and fault.matches_call(endpoint, method, path, who):
                self._armed[number] = (fault, left - 1)
                if left <= 1:
                    del self._armed[number]
                return fault
        return None

    def apply_to_new(self, stream: Stream, now_ms: float) -> None:
        """Silences a new stream if an armed fault says so."""
        for fault, until_ms in self._armed.values():
            if isinstance(fault, Silence) and fault.new_streams and until_ms > now_ms:
                for new in fault.matching([stream]):
                    new.silence(until_ms)

    def armed(self, now_ms: float) -> list[Json]:
        """The armed faults, as JSON."""
        shown: list[Json] = []
        for number, (fault, left) in self._armed.items():
            fields = {"fault": number, **fault.model_dump(exclude_none=True)}
            if not isinstance(fault, Silence):
                shown.append({**fields, "times_left": left})
            elif left > now_ms:
                shown.append(fields)
        return shown

    def _read(self, body: bytes) -> Fault:
        try:
            fault = _ADAPTER.validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(("fault", *map(str, first["loc"])))
            raise api_error(f"{place}: {first['msg']}") from None
        if fault.endpoint is not None and fault.endpoint not in self._endpoints:
            known = ", ".join(sorted(self._endpoints))
            raise api_error(f"fault: endpoint '{fault.endpoint}' is not one of {known}")
        return fault
