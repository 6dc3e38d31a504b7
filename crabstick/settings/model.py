"""Everything that the owner of a bot may decide, as frozen values with units in their names.

No files, no environment and no tokens: settings travel to other nodes as plain messages.
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    model_validator,
)

from crabstick.errors import ConfigError
from crabstick.explain import explain, neighbours, shown
from crabstick.rules.adjudication import MOST_MOVES, Adjudication, ScoreRule
from crabstick.rules.challenges import ChallengePolicy
from crabstick.rules.cluster_view import DEFAULT_ENGINE, Demand
from crabstick.rules.engine_choice import Traits, choose, conditions_of, tasks
from crabstick.rules.start_positions import complete, fits
from crabstick.rules.time_management import EngineLimits
from crabstick.rules.variants import Variant
from crabstick.settings.challenges import ChallengeSettings
from crabstick.settings.fields import (
    DAY_S,
    HOUR_MS,
    FilePath,
    Number,
    Options,
    Section,
    ServerUrl,
    Text,
    Whole,
    words_of,
)
from crabstick.settings.matchmaking import MatchmakingSettings
from engine.interface import OUR_PYTHON, EngineSpec, OnlineSource, bundled_spec

_MESSAGE_VERSION = 1
_CLASS = re.compile(r"[^\W\d]\w*(\.\w+)*:[^\W\d]\w*")
_OF_RAY = frozenset({"CPU", "GPU", "memory", "object_store_memory"})


class LichessSettings(Section):
    """Which Lichess, and where the token is kept; the token itself is never a setting."""

    url: ServerUrl = "https://lichess.org"
    token_file: FilePath | None = None


class LimitSettings(Section):
    """Bounds on every search, beside the clock."""

    nodes: Whole | None = Field(default=None, ge=1, le=10**15)
    depth: Whole | None = Field(default=None, ge=1, le=255)
    move_time_ms: Whole | None = Field(default=None, ge=1, le=HOUR_MS)

    def bounds(self) -> EngineLimits:
        """The owner's bounds on every search, as `rules.time_management` needs them."""
        milliseconds = self.move_time_ms
        move_time = None if milliseconds is None else timedelta(milliseconds=milliseconds)
        return EngineLimits(nodes=self.nodes, depth=self.depth, move_time=move_time)


def _engine_kind(value: object) -> object:
    if value == "embedded":
        raise ValueError("must be bundled; a Fairy-Stockfish took the place of the embedded engine")
    return value


class EngineSettings(Section):
    """Which engine plays, and how."""

    kind: Annotated[
        Literal["bundled", "uci", "xboard", "homemade"], BeforeValidator(_engine_kind)
    ] = "bundled"
    path: FilePath | None = None
    args: tuple[Text, ...] = Field(default=(), description="a list of text, such as [--threads, 2]")
    working_dir: FilePath | None = None
    env: Mapping[str, Text] = Field(
        default_factory=dict, repr=False, description="a mapping of variables to text"
    )
    options: Options = Field(default_factory=dict)
    ignore_unknown_options: bool = False
    limits: LimitSettings = LimitSettings()
    ponder: bool = False
    start_timeout_s: Whole = Field(default=60, ge=1, le=DAY_S)
    memory_mb: Whole | None = Field(default=None, ge=1, le=1_048_576)
    move_overhead_ms: Whole = Field(default=300, ge=0, le=60_000)
    standby: Whole | None = Field(default=None, ge=0, le=1000)
    cpus: Number | None = Field(default=None, ge=0.01, le=1024)
    gpus: Number = Field(default=0, ge=0, le=64)
    resources: Mapping[str, Annotated[Number, Field(gt=0)]] = Field(default_factory=dict)
    labels: Mapping[str, str] = Field(default_factory=dict)

    @property
    def move_overhead(self) -> timedelta:
        """The time that a move costs between the engine and Lichess; the engine does not get it."""
        return timedelta(milliseconds=self.move_overhead_ms)

    @model_validator(mode="after")
    def _keys_fit_kind(self) -> Self:
        kind, path = self.kind, self.path
        if kind != "bundled" and path is None:
            what = "class (module:Class)" if kind == "homemade" else "program"
            raise ValueError(f"engine.kind is {kind}, so engine.path must name the engine's {what}")
        if kind == "homemade" and not _CLASS.fullmatch(str(path)):
            raise ValueError(
                f"engine.path is {path}; for engine.kind: homemade it must be module:Class, where "
                "module.py is beside the configuration or in engine.working_dir"
            )
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise ValueError(
                f"engine.gpus is {self.gpus:g}; it must be a part of one GPU, or a whole number"
            )
        for name in _OF_RAY & self.resources.keys():
            raise ValueError(f"engine.resources names {name}; use engine.cpus, gpus or memory_mb")
        key = "limits.nodes" if kind == "xboard" and self.limits.nodes else "ponder"
        if kind in {"xboard", "homemade"} and (key == "limits.nodes" or self.ponder):
            raise ValueError(f"engine.{key} is set, which {kind} engines do not know")
        for key in ("path", "args", "working_dir"):
            if kind == "bundled" and getattr(self, key):
                raise ValueError(
                    f"engine.{key} is {shown(getattr(self, key))} but engine.kind is bundled; write"
                    f" engine.kind: uci, or remove engine.{key}"
                )
        return self

    def spec(self, memory_mb: int) -> EngineSpec:
        """How to start the engine; `memory_mb` holds unless a key of ours says otherwise."""
        folder = str(self.working_dir) if self.working_dir else None
        spec = bundled_spec(self.options)
        if self.kind != "bundled":
            host = (*OUR_PYTHON, "engine.homemade") if self.kind == "homemade" else ()
            command = (*host, str(self.path), *self.args)
            spec = EngineSpec(command=command, working_dir=folder, options=self.options)
        return replace(
            spec,
            protocol="xboard" if self.kind == "xboard" else "uci",
            may_idle=self.kind == "homemade",
            env=self.env,
            ignore_unknown_options=self.ignore_unknown_options,
            start_timeout=timedelta(seconds=self.start_timeout_s),
            memory_limit_mb=self.memory_mb or memory_mb,
        )


def _engine_or_name(value: object) -> EngineSettings | str:
    return value if isinstance(value, str) else EngineSettings.model_validate(value)


class PositionSettings(Section):
    """A position that games may start from, and what plays them."""

    name: Text = ""
    fen: Annotated[
        str, AfterValidator(lambda it: " ".join(complete(it).split()[: len(it.split())]))
    ]
    bot_color: Literal["white", "black"] | None = None
    engine: str = ""
    options: Options = Field(default_factory=dict)
    limits: LimitSettings | None = None

    @property
    def traits(self) -> Traits:
        """What the games have in common; the FEN may lack its last fields."""
        color = None if self.bot_color is None else self.bot_color == "white"
        return Traits(variant="fromPosition", color=color, fen=self.fen)


class GameSettings(Section):
    """How a game is conducted."""

    abort_after_s: Whole = Field(default=30, ge=1, le=DAY_S)
    min_move_time_ms: Whole = Field(default=0, ge=0, le=10_000)

    @property
    def abort_after(self) -> timedelta:
        """How long an opponent may take for the very first move before we abort."""
        return timedelta(seconds=self.abort_after_s)


class _RuleSettings(Section):
    enabled: bool = False
    consecutive_moves: Whole = Field(default=5, ge=1, le=MOST_MOVES)
    against_humans: bool = True
    min_rating: Whole = Field(default=0, ge=0, le=4000)

    def rule(self) -> ScoreRule | None:
        """This section as `rules.adjudication` needs it; None when it is switched off."""
        return ScoreRule(**self.model_dump(exclude={"enabled"})) if self.enabled else None


class OfferDrawSettings(_RuleSettings):
    """When the bot offers a draw, or takes one; the length of a game is in full moves."""

    score: Whole = Field(default=10, ge=0, le=1000)
    min_game_length: Whole = Field(default=30, ge=1, le=300)
    max_pieces: Whole = Field(default=32, ge=2, le=64)


class ResignSettings(_RuleSettings):
    """When the bot resigns."""

    score: Whole = Field(default=-1000, ge=-30_000, le=-1)


class BookSettings(Section):
    """Polyglot books by variant."""

    files: Mapping[Variant, tuple[FilePath, ...]] = Field(
        default_factory=dict, description="a mapping of variants to lists of books"
    )
    selection: Literal["best", "weighted", "uniform"] = "weighted"
    max_ply: Whole = Field(default=40, ge=1, le=1000)


class SyzygySettings(Section):
    """Syzygy tablebases, for standard chess."""

    paths: tuple[FilePath, ...] = ()
    max_pieces: Whole = Field(default=7, ge=3, le=7)
    instant_play: bool = True


class GaviotaSettings(SyzygySettings):
    """Gaviota tablebases, for standard chess."""

    max_pieces: Whole = Field(default=5, ge=3, le=5)


class OnlineSettings(Section):
    """Servers that are asked for moves, in the order of `sources`."""

    sources: Annotated[tuple[OnlineSource, ...], BeforeValidator(words_of)] = ()
    max_time_ms: Whole = Field(default=1000, ge=50, le=10_000)
    requests_per_minute: Whole = Field(default=60, ge=1, le=1000)
    min_time_left_s: Whole = Field(default=20, ge=0, le=DAY_S)
    max_ply: Whole = Field(default=40, ge=1, le=1000)
    urls: Mapping[OnlineSource, ServerUrl] = Field(
        default_factory=dict, description="a mapping of sources to servers"
    )


class ClusterSettings(Section):
    """What the games ask of Ray."""

    namespace: str = Field(
        default="crabstick",
        pattern=r"^[A-Za-z0-9._-]+$",
        max_length=63,  # also fits into names on Kubernetes
        description="a name for Ray's namespace: letters, digits and - _ .",
    )
    standby: Whole = Field(default=1, ge=0, le=1000)
    autoscaling: bool = False
    slot_cpus: Number = Field(default=1.0, ge=0.01, le=1024)
    slot_memory_mb: Whole = Field(default=256, ge=1, le=1_048_576)
    max_takeovers: Whole = Field(default=5, ge=0, le=1000)
    games_per_actor: Whole = Field(default=100, ge=1, le=1_000_000)
    idle_actor_s: Whole = Field(default=600, ge=0, le=DAY_S)

    @property
    def idle_actor(self) -> timedelta:
        """How long an actor beyond `standby` may be idle where nodes stay."""
        return timedelta(seconds=self.idle_actor_s)


class HttpSettings(Section):
    """The endpoints of the manager."""

    enabled: bool = True
    host: str = Field(
        default="127.0.0.1",
        pattern=r"^[A-Za-z0-9.:_-]+$",
        max_length=200,
        description="a host name or an address: letters, digits and . - : _",
    )
    port: Whole = Field(default=8000, ge=1, le=65_535)
    admin_token_file: FilePath | None = None


def _target(engines: Mapping[str, object], name: str) -> str:
    """Where the keys that only name another engine lead from `name`; a circle leads to a key."""
    for _ in engines:
        after = engines.get(name)
        name = after if isinstance(after, str) else name
    return name


class Settings(Section):
    """All sections together."""

    lichess: LichessSettings = LichessSettings()
    engine: EngineSettings = EngineSettings()
    engines: Mapping[str, Annotated[EngineSettings | str, BeforeValidator(_engine_or_name)]] = (
        Field(default_factory=dict, description="a mapping of conditions to engines")
    )
    positions: Annotated[tuple[PositionSettings, ...], BeforeValidator(lambda it: it or ())] = ()
    challenges: ChallengeSettings = ChallengeSettings()
    game: GameSettings = GameSettings()
    offer_draw: OfferDrawSettings = OfferDrawSettings()
    resign: ResignSettings = ResignSettings()
    books: BookSettings = BookSettings()
    syzygy: SyzygySettings = SyzygySettings()
    gaviota: GaviotaSettings = GaviotaSettings()
    online: OnlineSettings = OnlineSettings()
    matchmaking: MatchmakingSettings = MatchmakingSettings()
    cluster: ClusterSettings = ClusterSettings()
    http: HttpSettings = HttpSettings()

    @model_validator(mode="before")
    @classmethod
    def _default_is_engine(cls, values: object) -> object:
        """Reads `engines.default` as `engine`."""
        engines = values.get("engines") if isinstance(values, dict) else None
        if not isinstance(engines, Mapping) or DEFAULT_ENGINE not in engines:
            return values
        if "engine" in values:  # type: ignore[operator]  # it is a dict
            raise ValueError("engine and engines.default are the same; keep one")
        engine = engines.get(name := _target(engines, DEFAULT_ENGINE))
        if engine is None or isinstance(engine, str):
            return values  # `_keys_differ` says why
        others = {**engines, name: DEFAULT_ENGINE}
        del others[DEFAULT_ENGINE]
        return {**values, "engine": engine, "engines": others}  # type: ignore[dict-item]

    @model_validator(mode="after")
    def _keys_differ(self) -> Self:
        known, seen = (DEFAULT_ENGINE, *self.engines), dict[object, str]()
        pointers = {key: to for key, to in self.engines.items() if isinstance(to, str)}
        named = {f"engines.{key}": to for key, to in pointers.items()}
        named |= {f"positions[{i}].engine": it.engine for i, it in enumerate(self.positions)}
        for place, name in named.items():
            if name and name not in known:
                raise ValueError(f"{place} is {name}, not an engine; {neighbours(name, known)}")
        for key in self.engines:
            if _target(self.engines, key) in pointers:
                raise ValueError(f"engines.{key} leads in a circle, and to no engine")
            conditions, is_default = conditions_of(key), pointers.get(key) == DEFAULT_ENGINE
            if conditions is None and key not in named.values() and not is_default:
                raise ValueError(
                    f"engines.{key} fits no game, and no other key or position names it: join "
                    "conditions that can hold together by _, such as blitz_white or 3+2_human"
                )
            meaning = key if conditions is None else tuple(sorted(conditions.items()))
            if meaning in seen:
                raise ValueError(f"engines.{seen[meaning]} and engines.{key} mean the same")
            seen[meaning] = key
        return self

    @model_validator(mode="after")
    def _positions_differ(self) -> Self:
        games = [position.traits for position in self.positions]
        for index, (game, position) in enumerate(zip(games, self.positions, strict=True)):
            is_xboard = self.engine_of(self.engine_for(game, position)).kind == "xboard"
            if is_xboard and position.limits and position.limits.nodes:
                raise ValueError(
                    f"positions[{index}].limits.nodes is set, which XBoard engines do not know"
                )
            if (first := games.index(game)) < index:
                raise ValueError(f"positions[{first}] and positions[{index}] mean the same")
        return self

    def target(self, key: str) -> str:
        """The name of the engine that a key of `engines` stands for."""
        return _target(self.engines, key)

    def engine_for(self, game: Traits, position: PositionSettings | None = None) -> str:
        """The name of the engine that plays a game, from `position` or the first that fits."""
        position = position or self.position_of(game)
        key = position.engine if position else ""
        return _target(self.engines, key or choose(self.engines, game))

    def position_of(self, game: Traits, engine: str = "") -> PositionSettings | None:
        """The first position that fits a game; with `engine`, only if that is to play there."""
        position = next((it for it in self.positions if fits(it.traits, game)), None)
        is_other = engine and position and position.engine and self.engine_for(game) != engine
        return None if is_other else position

    def engine_of(self, name: str) -> EngineSettings:
        """The engine of that name; the default one for a name of other settings."""
        engine = self.engines.get(name)
        return engine if isinstance(engine, EngineSettings) else self.engine

    def engine_spec(self, name: str = DEFAULT_ENGINE) -> EngineSpec:
        """The engine to start; the slot's memory bounds it, unless it has a bound of its own."""
        return self.engine_of(name).spec(self.cluster.slot_memory_mb)

    def demands(self) -> dict[str, Demand]:
        """What an actor of each engine asks of its node, the default engine first."""
        own = [name for name, engine in self.engines.items() if not isinstance(engine, str)]
        return {name: self._demand(self.engine_of(name)) for name in (DEFAULT_ENGINE, *own)}

    def _demand(self, engine: EngineSettings) -> Demand:
        memory_mb = engine.memory_mb or self.cluster.slot_memory_mb
        amounts = {
            "CPU": engine.cpus or self.cluster.slot_cpus,
            "memory": float(memory_mb * 2**20),
            "GPU": engine.gpus,
            **engine.resources,
        }
        wanted = {name: amount for name, amount in amounts.items() if amount}
        start = timedelta(seconds=engine.start_timeout_s)
        return Demand(resources=wanted, labels=engine.labels, engine_start=start)

    def may_ponder(self, name: str, node_cpus: float, cores: float) -> bool:
        """Whether an engine ponders: its game has a core, and games never outnumber cores."""
        cpus = {engine: demand.resources["CPU"] for engine, demand in self.demands().items()}
        used = min(node_cpus, self.challenges.max_games * max(cpus.values()))
        has_core = cpus.get(name, cpus[DEFAULT_ENGINE]) >= 1 and used <= cores
        return self.engine_of(name).ponder and has_core

    def policies(
        self, lacks: Mapping[str, Collection[str]]
    ) -> dict[tuple[str, bool], ChallengePolicy]:
        """The policy by engine and by whether a bot challenges, without the variants it `lacks`."""
        positions = tuple(position.traits for position in self.positions)
        return {
            (name, is_bot): replace(
                self.challenges.policy(is_bot=is_bot, lacking=lacks.get(name, ())),
                positions=positions,
            )
            for name in self.demands()
            for is_bot in (False, True)
        }

    def standby_of(self, name: str) -> int:
        """How many actors of an engine stand by: by default none if no challenge leads to it."""
        wish = self.engine_of(name).standby
        reached = {self.target(key) for key, _ in tasks(self.engines, self.challenges.variants)}
        reached |= {self.engine_for(position.traits, position) for position in self.positions}
        is_needed = name in {*reached, self.target(DEFAULT_ENGINE)}
        return self.cluster.standby * is_needed if wish is None else wish

    def adjudication(self) -> Adjudication | None:
        """The rules for draws and resignation; None when both are off."""
        draw, resign = self.offer_draw.rule(), self.resign.rule()
        return Adjudication(draw, resign) if draw or resign else None

    def to_message(self) -> dict[str, object]:
        """Plain JSON values with a version, for another process; `from_message` reads it.

        Without defaults, so that a process of another version, which lacks a key, can read it.
        """
        settings = self.model_dump(mode="json", exclude_defaults=True)
        return {"v": _MESSAGE_VERSION, "settings": settings}

    @classmethod
    def from_message(cls, message: Mapping[str, object]) -> Self:
        """Reads what `to_message` wrote.

        Raises:
            ConfigError: another version wrote the message, or it is not a settings message.
        """
        if message.get("v") != _MESSAGE_VERSION:
            raise ConfigError(
                f"the settings message has version {message.get('v')!r}; this crabstick reads "
                f"version {_MESSAGE_VERSION}: run the same version on every node"
            )
        settings = message.get("settings")
        if isinstance(settings, dict) and settings.get("engine", {}).get("kind") == "embedded":
            settings = {**settings, "engine": {**settings["engine"], "kind": "bundled"}}  # of 0.1.0
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            raise ConfigError(explain(error, cls, source="the settings message")) from None

    def fingerprint(self) -> str:
        """Twelve hex digits that are equal for equal settings, on every node and in every run."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]
