"""Settings from where the user wrote them: environment, then file, then defaults.

    CRABSTICK__HTTP__PORT=8001   over   http: {port: 8001}   over   the default

Relative paths in the file are relative to the file's folder, those in variables to the working
directory; both are made absolute here, for the games are played elsewhere.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from crabstick.config_file import misplaced_secret, read_file
from crabstick.config_problems import PREFIX, meant_variable, sentence, unknown_key
from crabstick.errors import ConfigError
from crabstick.setting_types import is_file_path
from crabstick.settings import Settings
from crabstick.tokens import read_admin_token, read_token

__all__ = ["DEFAULT_FILE", "Settings", "load_settings", "read_admin_token", "read_token"]

DEFAULT_FILE = Path("crabstick.yaml")
"""Read when no file is named, if it exists."""
_OPEN = ("engine.options",)
"""The engine knows which options there are."""
_SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://")
"""Kubernetes tells each pod of the service crabstick-http by CRABSTICK_HTTP_PORT=tcp://..."""
_PATHS = (("lichess", "token_file"), ("engine", "path"), ("http", "admin_token_file"))


def load_settings(path: Path | None) -> Settings:
    """The settings of this process.

    Args:
        path: the YAML file; None takes `crabstick.yaml` of the working directory if it exists.

    Raises:
        ConfigError: one sentence about the first thing that is wrong.
    """
    if path is None and _is_there(DEFAULT_FILE):
        path = DEFAULT_FILE
    written = {} if path is None else _anchored(read_file(path), path.absolute().parent)
    variables = _variables()
    values = _over(_anchored(_environment(variables), Path.cwd()), written)
    source = "the settings" if path is None else str(path)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(sentence(error, Settings, source=source, variables=variables)) from None


def _is_there(file: Path) -> bool:
    """A working directory that we may not look into holds no settings of ours."""
    try:
        return file.exists()
    except OSError:
        return False


class _Shape(BaseSettings, Settings):
    """What pydantic-settings needs to know in order to read our variables."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__")


class _Environment(EnvSettingsSource):
    """Our variables; a list that is no JSON stays text, which the settings understand too."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: object) -> object:
        """JSON or the text itself."""
        try:
            decoded: object = super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value
        return decoded


def _variables() -> dict[str, str]:
    """Dotted key -> the variable that sets it."""
    names = (name for name in os.environ if name.upper().startswith(PREFIX))
    return {name[len(PREFIX) :].lower().replace("__", "."): name for name in names}


def _environment(variables: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = _Environment(_Shape)()
    secret = misplaced_secret(variables) or misplaced_secret(values)
    if secret:
        raise ConfigError(f"the environment sets {secret}")
    _refuse_slips(os.environ)
    for key in variables:
        is_below = any(key.startswith(f"{other}.") for other in variables if other not in _OPEN)
        is_known = key.partition(".")[0] in Settings.model_fields
        if is_below or not is_known:  # pydantic-settings passes over it
            raise ConfigError(unknown_key(key, Settings, source="", is_variable=True))
    return values


def _refuse_slips(environment: Mapping[str, str]) -> None:
    """CRABSTICK_HTTP_PORT would set nothing, and nobody would say so."""
    for name, value in environment.items():
        if not name.upper().startswith(PREFIX.rstrip("_")) or _SERVICE_LINK.match(value):
            continue
        meant = meant_variable(name, Settings, _OPEN)
        if meant is not None and meant != name.upper():
            raise ConfigError(f"{name} is no setting; did you mean {meant}?")


def _over(upper: Mapping[str, object], lower: Mapping[str, object]) -> dict[str, object]:
    """`upper` laid over `lower`, section by section; the spelling of `lower` wins (Hash, hash)."""
    merged = dict(lower)
    spellings = {str(key).casefold(): key for key in lower}
    for key, value in upper.items():
        spelled = spellings.get(key.casefold(), key)
        below = merged.get(spelled)
        merged[spelled] = (
            _over(value, below)
            if isinstance(value, Mapping) and isinstance(below, Mapping)
            else value
        )
    return merged


def _anchored(values: Mapping[str, object], folder: Path) -> dict[str, object]:
    """The values with absolute paths; an engine that is a bare name stays one, for PATH."""
    anchored = dict(values)
    for section, key in _PATHS:
        below = anchored.get(section)
        written = below.get(key) if isinstance(below, Mapping) else None
        if isinstance(below, Mapping) and isinstance(written, str) and _is_place(written, key):
            anchored[section] = {**below, key: _absolute(written, folder)}
    return anchored


def _is_place(written: str, key: str) -> bool:
    """Whether it is a path at all, and no bare name of an engine."""
    return is_file_path(written) and (key != "path" or "/" in written)


def _absolute(written: str, folder: Path) -> str:
    try:
        return str(folder / Path(written).expanduser())
    except RuntimeError:  # "~nobody": there is no such home; the path will not be found either
        return str(folder / written)
