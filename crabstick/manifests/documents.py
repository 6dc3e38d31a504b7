"""The documents of a text of YAML, each with the lines that its values stand in.

Read as Kubernetes reads them: a date is text, and a key that stands twice is an error.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from crabstick.errors import ConfigError
from crabstick.explain import public
from crabstick.manifests.faults import Route

__all__ = ["Document", "below", "items", "read_documents"]

_DEEPEST = 60
_LARGEST = 200_000
_WORDS: Final = {
    "found character '\\t'": "a tab; YAML takes spaces only",
    "could not determine a constructor": "a tag (!...) of another program; write the value itself",
}
"""YAML's own words -> words for those who do not speak of tokens and constructors."""
_TOO_MUCH = "this is too deep or too large for a manifest"
_LARGEST_NUMBER: Final = 2**63
_DATE: Final = "tag:yaml.org,2002:timestamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One object, as it was written."""

    body: Mapping[str, object]
    lines: Mapping[Route, int]

    @property
    def kind(self) -> str:
        """RayCluster, Deployment and so on; empty when it does not say."""
        return str(self.body.get("kind") or "")

    @property
    def name(self) -> str:
        """What it is called; empty when it does not say."""
        return self._metadata("name")

    @property
    def namespace(self) -> str:
        """Where it belongs; empty when whoever applies it decides."""
        return self._metadata("namespace")

    @property
    def title(self) -> str:
        """What it is called in sentences."""
        return f"{self.kind} {self.name}"

    def _metadata(self, key: str) -> str:
        return str(below(self.body, ("metadata", key)) or "")

    def line(self, route: Route) -> int:
        """The line of the value there, or of the nearest thing around it."""
        while route and route not in self.lines:
            route = route[:-1]
        return self.lines.get(route, 1)


def below(value: object, route: Route) -> object:
    """What stands there, without steps into lists; None when nothing does."""
    for step in route:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def items(value: object, route: Route) -> Sequence[object]:
    """What the list there holds; nothing when it is none."""
    found = below(value, route)
    return found if isinstance(found, list) else ()


def read_documents(text: str, source: str) -> tuple[Document, ...]:
    """The objects of `text`; those of a List one by one, and nothing for an empty document.

    Args:
        text: YAML or JSON.
        source: what it is called in sentences.

    Raises:
        ConfigError: it is no YAML, no objects, or something stands twice.
    """
    try:
        return tuple(_documents(text, source))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{source}, line {line}: {_problem(error, text)}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(f"{source} holds something that YAML cannot read") from None


def _problem(error: yaml.MarkedYAMLError, text: str) -> str:
    if "{{" in text:
        return "this is a template; render it first, and check what comes of it"
    problem = error.problem or "this is no YAML"
    ours = (words for begin, words in _WORDS.items() if problem.startswith(begin))
    return next(ours, public(problem))


def _documents(text: str, source: str) -> Iterator[Document]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            node: yaml.Node = loader.get_node()  # type: ignore[assignment]  # one was there
            where = f"{source}, line {node.start_mark.line + 1}"
            _refuse_bombs(node, where)
            lines = dict(_lines(node, (), source))
            body = loader.construct_document(node)
            if body is not None:
                yield from _objects(body, lines, where)
    finally:
        loader.dispose()


def _objects(body: object, lines: Mapping[Route, int], where: str) -> Iterator[Document]:
    if not isinstance(body, dict):
        raise ConfigError(
            f"{where}: a manifest must be a mapping with apiVersion, kind and metadata"
        )
    items = body.get("items")
    if body.get("kind") != "List" or not isinstance(items, list):
        yield Document(body=body, lines=lines)
        return
    for at, item in enumerate(items):
        below = {way[2:]: line for way, line in lines.items() if way[:2] == ("items", at)}
        yield from _objects(item, below, where)


class _Loader(yaml.SafeLoader):
    """Knows no dates, leaves a number that no field can hold as text, and does not go too deep."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """One value with all that is in it."""
        if self._depth > _DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # PyYAML's
            raise yaml.MarkedYAMLError(problem=_TOO_MUCH, problem_mark=mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _number(loader: _Loader, node: yaml.ScalarNode) -> int | str:
    number = yaml.SafeLoader.construct_yaml_int(loader, node)
    return number if abs(number) < _LARGEST_NUMBER else str(node.value)


_Loader.add_constructor("tag:yaml.org,2002:int", _number)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, shape) for tag, shape in resolvers if tag != _DATE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _refuse_bombs(node: yaml.Node, where: str) -> None:
    """Stops before aliases make a small text large, or go round in a circle."""
    if _size(node, {}, _DEEPEST) > _LARGEST:
        raise ConfigError(f"{where}: {_TOO_MUCH}")


def _size(node: yaml.Node, known: dict[int, int], depth: int) -> int:
    """How many values it has, an alias counted as what it stands for."""
    if id(node) not in known:
        if depth == 0:
            return _LARGEST + 1
        below = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = [part for item in below for part in (item if isinstance(item, tuple) else (item,))]
        known[id(node)] = 1 + sum(_size(part, known, depth - 1) for part in parts)
    return known[id(node)]


def _lines(node: yaml.Node, route: Route, source: str) -> Iterator[tuple[Route, int]]:
    yield route, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for at, item in enumerate(node.value):
            yield from _lines(item, (*route, at), source)
    if isinstance(node, yaml.MappingNode):
        yield from _lines_of_fields(node, route, source)


def _lines_of_fields(
    node: yaml.MappingNode, route: Route, source: str
) -> Iterator[tuple[Route, int]]:
    seen: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in seen:
            raise ConfigError(
                public(
                    f"{source}, line {line}: {name} stands there a second time, after line "
                    f"{seen[name]}; keep one of them"
                )
            )
        seen[name] = line
        yield from _lines(value, (*route, name), source)
        yield (*route, name), line
