"""Faults on demand: streams that are cut or silent, calls that fail, lost answers.

Pure except for changes to streams. A fault arrives as JSON at the admin endpoint; an invalid one is
refused with one sentence.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from crabstick.sandbox.errors import Json, api_error
from crabstick.sandbox.streams import Reader, Stream

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

    def matches_call(self, endpoint: str, method: str, path: str) -> bool:
        """Whether a call matches."""
        return (
            self.endpoint in {None, endpoint}
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

    def matches_stream(self, reader: Reader) -> bool:
        """Whether a stream matches."""
        if reader.kind == "challenge":
            return False
        right_kind = self.endpoint in {None, f"{reader.kind}-stream"}
        return right_kind and self.matches(reader.user_id, reader.game_id)


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
    """The armed faults.

    Args:
        endpoints: the names of endpoints that a fault can use.
    """

    def __init__(self, endpoints: Iterable[str]) -> None:
        self._endpoints = frozenset(endpoints)
        self._last_number = 0
        self._calls: dict[int, tuple[AnyCallFault, int]] = {}
        self._silences: dict[int, tuple[Silence, float]] = {}

    def arm(self, body: bytes, streams: Iterable[Stream], now_ms: float) -> Json:
        """Parses a fault and applies or arms it.

        Returns:
            The number of the fault, and how many open streams it affected.

        Raises:
            ApiError: the fault is invalid.
        """
        fault = self._read(body)
        self._last_number += 1
        number = self._last_number
        affected = 0
        if isinstance(fault, Cut | Silence):
            until_ms = _until_ms(fault, now_ms)
            affected = sum(_apply(fault, stream, until_ms) for stream in streams)
            if isinstance(fault, Silence):
                self._silences[number] = (fault, until_ms)
        else:
            self._calls[number] = (fault, fault.times)
        return {"fault": number, "streams": affected}

    def heal(self, streams: Iterable[Stream], number: int | None = None) -> None:
        """Removes one fault, or all."""
        numbers = [number] if number is not None else [*self._calls, *self._silences]
        for healed in numbers:
            self._calls.pop(healed, None)
            silence, _ = self._silences.pop(healed, (None, 0.0))
            for stream in streams if silence is not None else ():
                if silence is not None and silence.matches_stream(stream.reader):
                    stream.silent_until_ms = 0.0

    def take(
        self, endpoint: str, method: str, path: str, who: tuple[str, str]
    ) -> AnyCallFault | None:
        """Finds the oldest fault that matches a call, and uses it once.

        Args:
            endpoint: the name of the endpoint.
            method: the HTTP method.
            path: the path.
            who: user id and game id; each may be empty.
        """
        for number, (fault, left) in self._calls.items():
            if fault.matches_call(endpoint, method, path) and fault.matches(*who):
                if left > 1:
                    self._calls[number] = (fault, left - 1)
                else:
                    del self._calls[number]
                return fault
        return None

    def apply_to_new(self, stream: Stream, now_ms: float) -> None:
        """Silences a new stream if an armed fault says so."""
        for fault, until_ms in self._silences.values():
            if fault.new_streams and until_ms > now_ms and fault.matches_stream(stream.reader):
                stream.silence(until_ms)

    def armed(self, now_ms: float) -> list[Json]:
        """The armed faults, as JSON."""
        calls: list[Json] = [
            {"fault": number, "times_left": left, **fault.model_dump(exclude_none=True)}
            for number, (fault, left) in self._calls.items()
        ]
        silences: list[Json] = [
            {"fault": number, **fault.model_dump(exclude_none=True)}
            for number, (fault, until_ms) in self._silences.items()
            if until_ms > now_ms
        ]
        return calls + silences

    def _read(self, body: bytes) -> Fault:
        try:
            fault = _ADAPTER.validate_json(body)
        except ValidationError as error:
            raise api_error(_sentence(error)) from None
        if fault.endpoint is not None and fault.endpoint not in self._endpoints:
            known = ", ".join(sorted(self._endpoints))
            raise api_error(f"fault: endpoint '{fault.endpoint}' is not one of {known}")
        return fault


def _until_ms(fault: Cut | Silence, now_ms: float) -> float:
    if isinstance(fault, Silence) and fault.seconds is not None:
        return now_ms + fault.seconds * 1000
    return _FOR_EVER_MS


def _apply(fault: Cut | Silence, stream: Stream, until_ms: float) -> bool:
    if not fault.matches_stream(stream.reader):
        return False
    if isinstance(fault, Silence):
        stream.silence(until_ms)
    else:
        stream.end("cut" if fault.how == "end" else "reset", reset=fault.how == "reset")
    return True


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    if first["type"].startswith("union_tag"):
        return "fault: kind must be one of rate-limit, server-error, lose-answer, cut, silence"
    field = ".".join(str(part) for part in first["loc"][1:])
    if first["type"] == "extra_forbidden":
        return f"fault: a {first['loc'][0]} has no field '{field}'"
    text = first["msg"]
    return f"fault: {field}: {text[:1].lower()}{text[1:]}" if field else f"fault: {text}"
