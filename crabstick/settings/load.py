"""Settings from where the user wrote them: environment, then file, then defaults.

    CRABSTICK__HTTP__PORT=8001   over   http: {port: 8001}   over   the default

Relative paths in the file are relative to the file's folder, those in variables to the working
directory; both become absolute here, because other machines play the games.
"""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from difflib import SequenceMatcher
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from crabstick.errors import ConfigError
from crabstick.explain import PREFIX, explain, known_keys, variable_of
from crabstick.read_text import read_text
from crabstick.rules.player_lists import is_list_file
from crabstick.settings.fields import is_file_path
from crabstick.settings.model import Settings

_DEFAULT_FILE = Path("crabstick.yaml")
_NEAR: Final = 0.9
"""How similar a slip is: crabsticks.yaml has 0.97, crabstick.example.yaml 0.78."""
_LARGEST_FILE = 1_000_000
_PATHS: Final = (
    ("lichess", "token_file"),
    ("engine", "path"),
    ("engine", "working_dir"),
    ("http", "admin_token_file"),
)
_VERBATIM: Final = ("args", "env", "options")
"""What stands below these keys reaches the engine as it is written."""
_PATH_LISTS: Final = (("books", "files"), ("syzygy", "paths"), ("gaviota", "paths"))
_PLAYER_LISTS: Final = ("allow_list", "block_list", "only_from")
_OPTIONS: Final = "engine.options"
"""The engine knows which keys there are below this one."""
_ENV: Final = "engine.env__"
_OPTION: Final = re.compile(r"CRABSTICK_+ENGINE_+OPTIONS_+(.+)")
_SERVICE_LINK: Final = re.compile(r"(tcp|udp|sctp)://")
"""With a service crabstick-http, Kubernetes sets CRABSTICK_HTTP_PORT=tcp://... in each pod."""


def load_settings(path: Path | None) -> Settings:
    """The settings of this process; without `path`, those of `crabstick.yaml` if it exists here.

    Raises:
        ConfigError: one sentence about the first problem.
    """
    path, _ = _find(path)
    if path is None:
        return settings_from("", os.environ, source="the settings")
    text = read_text(path, named_by="the configuration file", limit=_LARGEST_FILE)
    return settings_from(text, os.environ, source=str(path), folder=path.absolute().parent)


def settings_source(path: Path | None) -> str:
    """Which file `load_settings` reads, in words."""
    file, slips = _find(path)
    folder = "this folder"
    with suppress(OSError):  # it may have been removed
        folder = str(Path.cwd())
    source = str(Path(folder, file)) if file else f"no {_DEFAULT_FILE} in {folder}"
    return ", ".join([source, *(f"{name} is not read" for name in slips)])


def _find(path: Path | None) -> tuple[Path | None, list[str]]:
    """The file to read, and those in the working directory with a similar name.

    Raises:
        ConfigError: there are only files with a similar name.
    """
    if path is not None:
        return path, []
    slips: list[str] = []
    with suppress(OSError):  # a folder that we may not list
        slips += sorted(each.name for each in Path().iterdir() if _is_slip(each))
    try:
        _DEFAULT_FILE.lstat()
    except FileNotFoundError:
        for name in slips:
            advice = f"rename it to {_DEFAULT_FILE}, or give --config '{name}'"
            raise ConfigError(f"{name} is not read: {advice}") from None
        return None, []
    except OSError:
        pass  # reading the file will say why
    return _DEFAULT_FILE, slips


def _is_slip(path: Path) -> bool:
    """Whether the file was meant as crabstick.yaml; crabstick-2.yaml has its name on purpose."""
    usual, name = _DEFAULT_FILE.name, path.name
    like = re.sub(r"\.ya?ml(\.(txt|ya?ml))*$", ".yaml", name.strip().casefold())
    is_near = SequenceMatcher(None, like, usual).ratio() > _NEAR
    return is_near and name != usual and not re.search(r"\d|~$", name) and not path.is_dir()


def settings_from(
    text: str, environment: Mapping[str, str], *, source: str, folder: Path = Path()
) -> Settings:
    """The settings of a process with this `environment` and the YAML `text`.

    `source` names the text in sentences, and relative paths in it begin at `folder`.

    Raises:
        ConfigError: one sentence about the first problem.
    """
    written = _anchored(_sections(text, source), folder)
    _refuse_slips(environment)
    variables = {
        _key_of(name): value
        for name, value in environment.items()
        if name.upper().startswith(PREFIX)
    }
    values: dict[str, object] = {}
    for key in sorted(variables):  # a section comes before its keys
        values = _over(_below(key, _decoded(key, variables[key])), values)
    values = _over(_anchored(values, Path()), written)
    if "engine" in values:
        values["engine"] = _at_home(values["engine"], folder)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error, Settings, source=source, variables=variables)) from None


def _key_of(variable: str) -> str:
    """The dotted key that a variable sets; in engine.env, names are capitals as a rule."""
    key = variable[len(PREFIX) :].lower().replace("__", ".", 1)
    if key.startswith(_ENV):
        return f"engine.env.{key[len(_ENV) :].upper()}"
    return key.replace("__", ".")


def _sections(text: str, source: str) -> dict[str, object]:
    """The sections of the file; an empty section is an empty mapping."""
    if not text:
        return {}
    from crabstick.yaml_documents import read_document  # noqa: PLC0415 - slow, and only files need it

    values = read_document(text, source, verbatim=_VERBATIM)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{source} must be a mapping of sections such as lichess: and engine:")
    return {key: {} if value is None else value for key, value in values.items()}


def _refuse_slips(environment: Mapping[str, str]) -> None:
    """Refuses a variable with other underscores, such as CRABSTICK_HTTP_PORT: it sets nothing."""
    known = [variable_of(key) for key in (*Settings.model_fields, *known_keys(Settings))]
    single = {variable.replace("__", "_"): variable for variable in known}
    for name, value in environment.items():
        meant = single.get(re.sub("_+", "_", name.upper()), name.upper())
        option = _OPTION.fullmatch(name.upper())
        if option:
            meant = f"{variable_of(_OPTIONS)}__{option[1]}"
        if meant != name.upper() and not _SERVICE_LINK.match(value):
            raise ConfigError(f"{name} is not a setting; did you mean {meant}?")


def _decoded(key: str, value: str) -> object:
    """A list or a mapping where a variable holds JSON, and otherwise the text itself."""
    if not value.startswith(("[", "{")) or key.startswith(f"{_OPTIONS}."):
        return value
    try:
        return json.loads(value, parse_float=str)
    except (ValueError, RecursionError):
        raise ConfigError(
            f"{variable_of(key)} begins with {value[0]} but is not JSON: write a list as "
            '["a", "b"], a mapping as {"a": "b"}'
        ) from None


def _below(key: str, value: object) -> dict[str, object]:
    """`value` in the sections that the dotted `key` names."""
    section, _, rest = key.partition(".")
    return {section: _below(rest, value) if rest else value}


def _over(upper: Mapping[str, object], lower: Mapping[str, object]) -> dict[str, object]:
    """`upper` laid over `lower`, section by section; the spelling of `lower` wins (Hash, hash)."""
    merged = dict(lower)
    spellings = {str(key).casefold(): key for key in lower}
    for key, value in upper.items():
        name = spellings.get(key.casefold(), key)
        below = merged.get(name)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[name] = _over(value, below)
        else:
            merged[name] = value
    return merged


def _at_home(engine: object, folder: Path) -> object:
    """A homemade engine is found beside the configuration."""
    if isinstance(engine, Mapping) and engine.get("kind") == "homemade":
        return {"working_dir": str(folder.absolute()), **engine}
    return engine


def _anchored(values: Mapping[str, object], folder: Path) -> dict[str, object]:
    """The values with absolute paths; an engine's bare name stays bare, to be found in PATH."""
    anchored = dict(values)
    for section, key in _PATHS + _PATH_LISTS:
        below = anchored.get(section)
        path = below.get(key) if isinstance(below, Mapping) else None
        if isinstance(below, Mapping) and path and (key != "path" or "/" in str(path)):
            anchored[section] = {**below, key: _absolute(path, folder)}
    challenges = anchored.get("challenges")
    if isinstance(challenges, Mapping):
        lists = {key: _files(challenges[key], folder) for key in _PLAYER_LISTS if key in challenges}
        anchored["challenges"] = {**challenges, **lists}
    engines = anchored.get("engines")
    if isinstance(engines, Mapping):
        anchored["engines"] = {
            name: _at_home(_anchored({"engine": engine}, folder)["engine"], folder)
            for name, engine in engines.items()
        }
    return anchored


def _files(entries: object, folder: Path) -> object:
    """A list of players, with absolute paths of its files; a name is not a path."""
    if isinstance(entries, str):
        entries = [entry.strip() for entry in entries.split(",") if entry.strip()]
    if not isinstance(entries, list):
        return entries
    return [_absolute(each, folder) if is_list_file(each) else each for each in entries]


def _absolute(value: object, folder: Path) -> object:
    """A path made absolute, or all paths of a list or a mapping; other values stay as they are."""
    if isinstance(value, Mapping):
        return {key: _absolute(below, folder) for key, below in value.items()}
    if isinstance(value, list):
        return [_absolute(each, folder) for each in value]
    if not is_file_path(value):
        return value
    return str(folder.absolute() / os.path.expanduser(value))  # noqa: PTH111 -- Path.expanduser may raise
