"""The settings that the bot will have on that cluster: a file in a ConfigMap, and variables.

The file is the one that `crabstick up --config` names in one of the manifests, as the head sees it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from pydantic import ValidationError

from crabstick.errors import ConfigError
from crabstick.explain import PREFIX, explain, neighbours
from crabstick.manifests.bundle import Bundle
from crabstick.manifests.documents import Document, below, items, read_documents
from crabstick.manifests.faults import Fault, Finding, Remark, Route
from crabstick.manifests.pod_model import Files
from crabstick.settings import Settings

__all__ = ["BotSettings", "find_settings", "reach"]

_WISH = re.compile(r"""crabstick\s+up\b(?:\\\n|[^\n;&|])*?\s--config[\s=\\]+["']?([^\s"';&|)]+)""")
"""As a shell reads it."""
_RAY_PORTS: Final = frozenset({"6379", "8080", "8265", "10001", "44217", "44227", "52365"})
_NAMES_IT: Final = "`crabstick up --config` names"
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BotSettings:
    """`settings` is None when the manifests hold none that can be read; `told` says where from."""

    settings: Settings | None = None
    told: str = ""
    findings: tuple[Finding, ...] = ()


def find_settings(bundle: Bundle) -> BotSettings:
    """The bot's settings as these manifests have them."""
    wish = _wish(bundle)
    if wish is None:
        has_variables = any(_variables(bundle))
        return _read("", "the variables of the head", bundle) if has_variables else BotSettings()
    found = _config_map(wish, bundle)
    if found is None:
        words = f"the head mounts no ConfigMap at {wish}, which {_NAMES_IT}"
        return BotSettings(findings=(Remark(f"{words}: its settings were not looked at"),))
    source, route = found
    keys = {item.path: item.key for item in source.items} or {wish.name: wish.name}
    if wish.name not in keys:
        words = f"make no {wish.name}, which {_NAMES_IT}; they make {', '.join(sorted(keys))}"
        return BotSettings(findings=(Fault(words, (*route, "items")),))
    return _of_config_map(source.name, keys[wish.name], bundle)


def _of_config_map(name: str, key: str, bundle: Bundle) -> BotSettings:
    maps = [each for each in bundle.documents if (each.kind, each.name) == ("ConfigMap", name)]
    if not maps:
        remark = Remark(f"the ConfigMap {name} is not in these manifests: not looked at")
        return BotSettings(findings=(remark,))
    files = _files(maps[0])
    if key not in files:
        words = f"holds no {key}, which {_NAMES_IT}; "
        advice = neighbours(key, sorted(files)) if files else "it is empty"
        fault = Fault(words + advice, ("data",), f"ConfigMap {name}")
        return BotSettings(findings=(fault,))
    return _read(files[key], f"{key} of the ConfigMap {name}", bundle)


def _wish(bundle: Bundle) -> PurePosixPath | None:
    """The file that `crabstick up` is told to read."""
    for pod in bundle.pods:
        for container, _ in pod.containers():
            match = _WISH.search(" ".join((*container.command, *container.args)))
            if match:
                return PurePosixPath(match[1])
    return None


def _config_map(file: PurePosixPath, bundle: Bundle) -> tuple[Files, Route] | None:
    """The ConfigMap that the head has there, and where that is said."""
    head = bundle.cluster.head
    here = {
        each.name
        for each in head.ray.volume_mounts
        if str(file.parent) == each.mount_path.rstrip("/")
    }
    for at, volume in enumerate(head.pod.volumes):
        if volume.name in here and volume.config_map is not None:
            return volume.config_map, (*head.pod_route, "volumes", at, "configMap")
    return None


def _files(document: Document) -> Mapping[str, str]:
    data = document.body.get("data")
    return {str(k): str(v) for k, v in data.items()} if isinstance(data, Mapping) else {}


def _read(text: str, told: str, bundle: Bundle) -> BotSettings:
    try:
        values = _over(dict(_variables(bundle)), _values(text, told))
        settings = _settings(values, told)
    except ConfigError as error:
        return BotSettings(findings=(Fault(str(error)),))
    engine = settings.engine.path
    unseen = f"; whether the image holds {engine} was not looked at" if engine else ""
    return BotSettings(settings=settings, told=told + unseen)


def _values(text: str, told: str) -> dict[str, object]:
    documents = read_documents(text, told)
    values = {} if not documents else dict(documents[0].body)
    return {key: {} if value is None else value for key, value in values.items()}


def _settings(values: Mapping[str, object], told: str) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error, Settings, source=told)) from None


def _variables(bundle: Bundle) -> Iterator[tuple[str, object]]:
    """CRABSTICK__CLUSTER__STANDBY of the head, as ("cluster.standby", value)."""
    for variable in bundle.cluster.head.ray.env:
        if variable.name.startswith(PREFIX) and variable.value is not None:
            yield variable.name.removeprefix(PREFIX).lower().replace("__", "."), variable.value


def _over(upper: Mapping[str, object], lower: Mapping[str, object]) -> dict[str, object]:
    merged = dict(lower)
    for key, value in upper.items():
        section, _, rest = key.partition(".")
        below = merged.get(section)
        if rest:
            merged[section] = _over({rest: value}, below if isinstance(below, Mapping) else {})
        else:
            merged[section] = _decoded(value)
    return merged


def _decoded(value: object) -> object:
    """A list or a mapping, where a variable holds JSON; everything else as it is."""
    text = str(value)
    try:
        return json.loads(text) if text[:1] in {"[", "{"} else value
    except ValueError:
        return value


def reach(bundle: Bundle) -> Iterator[Finding]:
    """Who asks by a Service finds the bot listening."""
    http = bundle.settings.http
    services = [each for each in bundle.documents if each.kind == "Service" and _is_ours(each)]
    if not bundle.has_settings or not services:
        return
    if http.host in _LOOPBACK:
        yield Fault(
            f"http.host of the bot's settings is {http.host}, where the Service {services[0].name} "
            "cannot reach it: write 0.0.0.0"
        )
    aims = {port: each for each in services for port in _aims(each, bundle)}
    if aims and str(http.port) not in aims:
        port, service = next(iter(aims.items()))
        yield Fault(
            f"http.port of the bot's settings is {http.port}, and the Service {service.name} leads "
            f"to {port}: write {port}, or change it there, in the NetworkPolicies and for the "
            "keeper as well"
        )


def _aims(service: Document, bundle: Bundle) -> Iterator[str]:
    """The ports of the head that the Service leads to, without those of Ray."""
    names = {port.name: str(port.container_port) for port in bundle.cluster.head.ray.ports}
    for port in items(service.body, ("spec", "ports")):
        aim = str(below(port, ("targetPort",)) or below(port, ("port",)) or "")
        number = names.get(aim, aim)
        if number.isdecimal() and number not in _RAY_PORTS:
            yield number


def _is_ours(service: Document) -> bool:
    return below(service.body, ("spec", "selector", "ray.io/node-type")) == "head"
