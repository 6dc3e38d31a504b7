"""Telling the sandbox to misbehave: cut or silence streams, fail calls, lose an answer.

Pure but for the streams it is given. A fault comes as JSON by the admin path; what cannot be
understood is refused in one sentence.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from crabstick.sandbox.errors import Json, refused
from crabstick.sandbox.streams import Reader, Stream

__all__ = ["Cut", "Fault", "Faults", "LoseAnswer", "RateLimit", "ServerError", "Silence"]

_FOR_EVER_MS = float("inf")


class _Fault(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str | None = None
    """Only calls and streams of this user."""
    game: str | None = None
    """Only calls and streams about this game or challenge."""

    def concerns(self, user_id: str, game_id: str) -> bool:
        """Tell whether user and game are the wanted ones."""
        right_user = self.user is None or self.user.lower() == user_id
        return right_user and (self.game is None or self.game == game_id[:8])


class _CallFault(_Fault):
    endpoint: str | None = None
    """Only this class of endpoints, as the ledger names it: `move`, `game-stream`, ..."""
    method: str | None = None
    path: str | None = None
    """A pattern with `*`: `/api/bot/game/*/move/*`."""
    times: Annotated[int, Field(ge=1)] = 1
    """How many calls it hits."""

    def hits(self, endpoint: str, method: str, path: str) -> bool:
        """Tell whether a call is of the wanted kind."""
        return (
            self.endpoint in {None, endpoint}
            and (self.method is None or self.method.upper() == method)
            and (self.path is None or fnmatchcase(path, self.path))
        )


class RateLimit(_CallFault):
    """Calls are answered 429."""

    kind: Literal["rate-limit"]
    retry_after_s: Annotated[int, Field(ge=0)] | None = None
    """Goes into the header `Retry-After`; left out when None."""


class ServerError(_CallFault):
    """Calls are answered by a broken server."""

    kind: Literal["server-error"]
    status: Annotated[int, Field(ge=500, le=504)] = 500


class LoseAnswer(_CallFault):
    """Calls take effect, and the connection closes without an answer."""

    kind: Literal["lose-answer"]
    endpoint: str | None = "move"


class _StreamFault(_Fault):
    endpoint: Literal["event-stream", "game-stream"] | None = None

    def strikes(self, reader: Reader) -> bool:
        """Tell whether a stream is one of the wanted."""
        if reader.kind == "challenge":
            return False
        right_kind = self.endpoint in {None, f"{reader.kind}-stream"}
        return right_kind and self.concerns(reader.user_id, reader.game_id)


class Cut(_StreamFault):
    """Open streams end now."""

    kind: Literal["cut"]
    how: Literal["end", "reset"] = "end"
    """`end`: the body ends properly; `reset`: the connection is reset."""


class Silence(_StreamFault):
    """Open streams say nothing, not even blank lines, and lose what they would have said."""

    kind: Literal["silence"]
    seconds: Annotated[float, Field(gt=0)] | None = None
    """For how long; None: until it is healed."""
    new_streams: bool = False
    """Whether streams that open meanwhile are silent too."""


Fault: TypeAlias = RateLimit | ServerError | LoseAnswer | Cut | Silence
_ADAPTER: TypeAdapter[Fault] = TypeAdapter(Annotated[Fault, Field(discriminator="kind")])


class Faults:
    """The faults that are armed.

    Args:
        endpoints: the classes of endpoints that a fault can name.
    """

    def __init__(self, endpoints: Iterable[str]) -> None:
        self._endpoints = frozenset(endpoints)
        self._last_number = 0
        self._calls: dict[int, tuple[RateLimit | ServerError | LoseAnswer, int]] = {}
        self._silences: dict[int, tuple[Silence, float]] = {}

    def arm(self, body: bytes, streams: Iterable[Stream], now_ms: float) -> Json:
        """Read a fault and let it act or wait.

        Returns:
            Its number, and how many open streams it struck.

        Raises:
            Refusal: the fault cannot be understood.
        """
        fault = self._read(body)
        self._last_number += 1
        number = self._last_number
        struck = 0
        if isinstance(fault, Cut | Silence):
            until_ms = _until_ms(fault, now_ms)
            struck = sum(_strike(fault, stream, until_ms) for stream in streams)
            if isinstance(fault, Silence):
                self._silences[number] = (fault, until_ms)
        else:
            self._calls[number] = (fault, fault.times)
        return {"fault": number, "streams": struck}

    def heal(self, streams: Iterable[Stream], number: int | None = None) -> None:
        """Take back one fault, or all."""
        numbers = [number] if number is not None else [*self._calls, *self._silences]
        for healed in numbers:
            self._calls.pop(healed, None)
            silence, _ = self._silences.pop(healed, (None, 0.0))
            for stream in streams if silence is not None else ():
                if silence is not None and silence.strikes(stream.reader):
                    stream.silent_until_ms = 0.0

    def take(
        self, endpoint: str, method: str, path: str, who: tuple[str, str]
    ) -> RateLimit | ServerError | LoseAnswer | None:
        """Find the oldest fault for a call, and use it up once.

        Args:
            endpoint: the class of the endpoint.
            method: the HTTP method.
            path: the path.
            who: user id and game id, each may be empty.
        """
        for number, (fault, left) in self._calls.items():
            if fault.hits(endpoint, method, path) and fault.concerns(*who):
                if left > 1:
                    self._calls[number] = (fault, left - 1)
                else:
                    del self._calls[number]
                return fault
        return None

    def greet(self, stream: Stream, now_ms: float) -> None:
        """Silence a stream that opens while new streams are to be silent."""
        for fault, until_ms in self._silences.values():
            if fault.new_streams and until_ms > now_ms and fault.strikes(stream.reader):
                stream.silence(until_ms)

    def armed(self, now_ms: float) -> list[Json]:
        """List what is armed."""
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
            raise refused(_sentence(error)) from None
        if fault.endpoint is not None and fault.endpoint not in self._endpoints:
            known = ", ".join(sorted(self._endpoints))
            raise refused(f"fault: endpoint '{fault.endpoint}' is not one of {known}")
        return fault


def _until_ms(fault: Cut | Silence, now_ms: float) -> float:
    if isinstance(fault, Silence) and fault.seconds is not None:
        return now_ms + fault.seconds * 1000
    return _FOR_EVER_MS


def _strike(fault: Cut | Silence, stream: Stream, until_ms: float) -> bool:
    if not fault.strikes(stream.reader):
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
