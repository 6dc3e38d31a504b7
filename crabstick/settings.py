"""Everything that the owner of a bot may decide, as frozen values with units in their names.

No files and no environment here (that is `config`), and no token: settings travel to other nodes
as plain messages. An actor imports this module rather than `config`, which costs 3 MB more.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from crabstick.config_problems import sentence
from crabstick.errors import ConfigError
from crabstick.rules.challenges import Policy
from crabstick.rules.clock import EngineLimits
from crabstick.setting_types import (
    FilePath,
    Namespace,
    Options,
    ServerUrl,
    amount,
    choice,
    names,
    one_line,
    whole,
)
from engine.spec import EngineSpec, embedded_spec

__all__ = [
    "ChallengeSettings",
    "ClusterSettings",
    "EngineSettings",
    "GameSettings",
    "HttpSettings",
    "LichessSettings",
    "LimitSettings",
    "Settings",
]

MESSAGE_VERSION = 1
DAY_S = 86_400
HOUR_MS = 3_600_000
NO_MORE_VARIANTS = "nothing else is played so far"
NO_MORE_CONTROLS = "only games with a clock are played so far"

_Words = Annotated[frozenset[str], PlainSerializer(sorted)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class LichessSettings(_Section):
    """Which Lichess, and where the token is kept; the token itself is never a setting."""

    url: ServerUrl = "https://lichess.org"
    token_file: FilePath | None = None


class LimitSettings(_Section):
    """Bounds on every search, beside the clock."""

    nodes: Annotated[int, whole(1, 10**15)] | None = None
    depth: Annotated[int, whole(1, 255)] | None = None
    move_time_ms: Annotated[int, whole(1, HOUR_MS)] | None = None

    @property
    def move_time(self) -> timedelta | None:
        """None when only the clock bounds a move."""
        return None if self.move_time_ms is None else timedelta(milliseconds=self.move_time_ms)


class EngineSettings(_Section):
    """Which engine plays, and how."""

    kind: Annotated[Literal["embedded", "uci"], choice("embedded", "uci")] = "embedded"
    path: FilePath | None = None
    options: Options = Field(default_factory=dict)
    limits: LimitSettings = LimitSettings()
    move_overhead_ms: Annotated[int, whole(0, 60_000)] = 300

    @property
    def move_overhead(self) -> timedelta:
        """What a move costs between the engine and Lichess, kept out of the engine's hands."""
        return timedelta(milliseconds=self.move_overhead_ms)

    @model_validator(mode="after")
    def _path_fits_kind(self) -> Self:
        if self.kind == "uci" and self.path is None:
            raise ValueError("engine.kind is uci, so engine.path must name the engine's program")
        if self.kind == "embedded" and self.path is not None:
            raise ValueError(
                f"engine.path is {self.path} but engine.kind is embedded; write engine.kind: uci "
                "to play with that engine, or remove engine.path"
            )
        return self

    def spec(self) -> EngineSpec:
        """The process to start."""
        if self.path is None:
            return embedded_spec(dict(self.options))
        return EngineSpec(command=(str(self.path),), options=dict(self.options))

    def bounds(self) -> EngineLimits:
        """The owner's bounds on every search, as the clock's rule wants them."""
        limits = self.limits
        return EngineLimits(nodes=limits.nodes, depth=limits.depth, move_time=limits.move_time)


class ChallengeSettings(_Section):
    """Which challenges are accepted."""

    variants: Annotated[_Words, names("standard", so_far=NO_MORE_VARIANTS)] = frozenset(
        {"standard"}
    )
    time_controls: Annotated[
        _Words, names("bullet", "blitz", "rapid", "classical", so_far=NO_MORE_CONTROLS)
    ] = frozenset({"bullet", "blitz", "rapid", "classical"})
    modes: Annotated[_Words, names("casual", "rated")] = frozenset({"casual", "rated"})
    accept_bots: bool = True
    min_initial_s: Annotated[int, whole(0, DAY_S)] = 30
    max_initial_s: Annotated[int, whole(1, DAY_S)] = 1800
    min_increment_s: Annotated[int, whole(0, DAY_S)] = 0
    max_increment_s: Annotated[int, whole(0, DAY_S)] = 20
    max_games: Annotated[int, whole(1, 1000)] = 4

    @model_validator(mode="after")
    def _ranges_are_not_empty(self) -> Self:
        for word in ("initial_s", "increment_s"):
            least, most = getattr(self, f"min_{word}"), getattr(self, f"max_{word}")
            if least > most:
                raise ValueError(
                    f"challenges.min_{word} is {least} but challenges.max_{word} is {most}; "
                    "the first must not be above the second"
                )
        return self

    def policy(self) -> Policy:
        """The rule's view of this section."""
        return Policy(
            variants=self.variants,
            time_controls=self.time_controls,
            modes=self.modes,
            accept_bots=self.accept_bots,
            min_initial=timedelta(seconds=self.min_initial_s),
            max_initial=timedelta(seconds=self.max_initial_s),
            min_increment=timedelta(seconds=self.min_increment_s),
            max_increment=timedelta(seconds=self.max_increment_s),
            max_games=self.max_games,
        )


class GameSettings(_Section):
    """How a game is conducted."""

    abort_after_s: Annotated[int, whole(1, DAY_S)] = 30

    @property
    def abort_after(self) -> timedelta:
        """How long an opponent may take for the very first move before we abort."""
        return timedelta(seconds=self.abort_after_s)


class ClusterSettings(_Section):
    """What the games ask of Ray."""

    namespace: Namespace = "crabstick"
    standby: Annotated[int, whole(0, 1000)] = 1
    autoscaling: bool = False
    slot_cpus: Annotated[float, amount(0.01, 1024)] = 1.0
    slot_memory_mb: Annotated[int, whole(1, 1_048_576)] = 256
    max_takeovers: Annotated[int, whole(0, 1000)] = 5


class HttpSettings(_Section):
    """The endpoints of the manager."""

    host: Annotated[str, one_line("a host name or an address", ".-:_")] = "127.0.0.1"
    port: Annotated[int, whole(1, 65_535)] = 8000
    admin_token_file: FilePath | None = None


class Settings(_Section):
    """All sections together."""

    lichess: LichessSettings = LichessSettings()
    engine: EngineSettings = EngineSettings()
    challenges: ChallengeSettings = ChallengeSettings()
    game: GameSettings = GameSettings()
    cluster: ClusterSettings = ClusterSettings()
    http: HttpSettings = HttpSettings()

    def engine_spec(self) -> EngineSpec:
        """The engine to start; the slot's memory bounds it."""
        return replace(self.engine.spec(), memory_limit_mb=self.cluster.slot_memory_mb)

    def to_message(self) -> dict[str, object]:
        """Plain JSON values with a version, for another process; `from_message` reads it."""
        return {"v": MESSAGE_VERSION, "settings": self.model_dump(mode="json")}

    @classmethod
    def from_message(cls, message: Mapping[str, object]) -> Self:
        """Reads what `to_message` wrote.

        Raises:
            ConfigError: another version wrote it, or it is no settings message at all.
        """
        if message.get("v") != MESSAGE_VERSION:
            raise ConfigError(
                f"the settings message has version {message.get('v')!r}; this crabstick reads "
                f"version {MESSAGE_VERSION}: run the same version on every node"
            )
        try:
            return cls.model_validate(message.get("settings"))
        except ValidationError as error:
            raise ConfigError(sentence(error, cls, source="the settings message")) from None

    def fingerprint(self) -> str:
        """Twelve hex digits that are equal for equal settings, on every node and in every run."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]
