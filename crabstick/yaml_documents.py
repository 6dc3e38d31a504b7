"""The documents of a YAML text as plain values; every mistake is one sentence with its place.

The rules are those of YAML 1.1, which Kubernetes follows too: `yes` is true. A repeated key is
an error. Loading ruamel takes 0.3 s: import this module late.
"""

import re
import warnings
from collections.abc import Collection
from copy import copy
from typing import Final

from ruamel.yaml import YAML, composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.tag import Tag

from crabstick.errors import ConfigError
from crabstick.explain import public

_TEXT: Final = re.compile(r"[ynYN=]|\d{4}-\d\d?-\d\d?.*|[+-]?([\d.]+[eE]\d+|\w{20,})")
"""Values that stay text: y, n, =, dates, numbers like 1e3, numbers that no field can hold."""
_STRING: Final = VersionedResolver.DEFAULT_SCALAR_TAG
_LARGEST = 1_000_000
"""The most values that a text may stand for, aliases included."""
_WORDS: Final = {
    "found character '\\t'": "a tab; YAML takes spaces only",
    "could not determine a constructor": "a tag (!...) of another program; write the value itself",
    "found unhashable key": "a key must be text",
}
"""The start of ruamel's message -> a message for people who know no tokens or constructors."""


def read_document(text: str, source: str, *, verbatim: Collection[str] = ()) -> object:
    """The value of the only document of `text`, as `read_documents` reads it; None for no text."""
    values = read_documents(text, source, verbatim=verbatim)
    if len(values) > 1:
        raise ConfigError(f"{source} holds {len(values)} YAML documents; keep one of them")
    return values[0] if values else None


def read_documents(text: str, source: str, *, verbatim: Collection[str] = ()) -> list[object]:
    """The value of each document of the YAML or JSON `text`; None for an empty document.

    Mappings and lists below a key in `verbatim` hold text as it is written: `off`, `1.50`; only
    what is empty or null is None.

    Raises:
        ConfigError: the text is not YAML, or repeats a key; `source` names the text.
    """
    reader = YAML(typ="safe", pure=True)

    class Composer(_Composer):
        text_below = verbatim

    reader.Composer = Composer
    reader.Resolver = _Resolver
    try:
        with warnings.catch_warnings(action="ignore"):  # about style
            return list(reader.load_all(text))
    except MarkedYAMLError as error:
        problem = error.problem or "this is not YAML"
        words = next((ours for begin, ours in _WORDS.items() if problem.startswith(begin)), None)
        if "{{" in text:
            words = "this is a template; render it first"
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        one_line = " ".join((words or public(problem)).partition(" with value ")[0].split())
        raise ConfigError(f"{source}{place}: {one_line}") from None
    except (YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
        # raised for control characters, values that do not fit their tags, and deep nesting
        raise ConfigError(f"{source} holds something that YAML cannot read") from None


class _Resolver(VersionedResolver):
    @property
    def processing_version(self) -> tuple[int, int]:
        """YAML 1.1 for every document; ruamel's own `version` holds for the first one only."""
        return (1, 1)

    def resolve(self, kind: type[Node], value: str | None, implicit: tuple[bool, bool]) -> Tag:
        """The implied tag of a value without an explicit tag."""
        if kind is ScalarNode and implicit[0] and _TEXT.fullmatch(value or ""):
            return self.DEFAULT_SCALAR_TAG
        tag: Tag = super().resolve(kind, value, implicit)
        return tag


class _Composer(composer.Composer):
    """Counts the values that a text stands for: aliases can make a small text endless."""

    text_below: Collection[str] = ()
    _size = 0

    def compose_node(self, parent: Node | None, index: object) -> Node:
        """Refuses an alias within its own anchor, and aliases that make the text too large."""
        event = self.parser.peek_event()
        sizes: dict[str, int | None] = self.__dict__.setdefault("_sizes", {})
        is_alias, anchor, before = isinstance(event, AliasEvent), event.anchor, self._size
        size = sizes.get(anchor, 0) if is_alias else 1
        self._size += size or 0
        if size is None or self._size > _LARGEST:
            problem = (
                "aliases (*name) within their own anchor (&name) are not read"
                if size is None
                else "there are too many aliases (*name)"
            )
            raise MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        if anchor is not None and not is_alias:
            sizes[anchor] = None
        node: Node = super().compose_node(parent, index)
        if anchor is not None and not is_alias:
            sizes[anchor] = self._size - before
        return node

    def compose_mapping_node(self, anchor: object) -> MappingNode:
        """Refuses a repeated key, and names both lines."""
        node: MappingNode = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            name = str(key.value)
            if name in lines:
                before = f"it is already in line {lines[name]}"
                problem = f"{name} is repeated; {before}; keep one of them"
                raise MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            lines[name] = key.start_mark.line + 1
        for at, (key, value) in enumerate(node.value):
            if key.value in self.text_below and not isinstance(value, ScalarNode):
                node.value[at] = (key, _as_text(value))
        return node


def _as_text(node: Node) -> Node:
    """A copy in which each value is text, unless it is null; below << there are mappings."""
    if isinstance(node, ScalarNode):
        is_null = str(node.tag).endswith(":null")
        return node if is_null else ScalarNode(_STRING, node.value, node.start_mark, node.end_mark)
    copied, is_mapping = copy(node), isinstance(node, MappingNode)
    copied.value = [(it[0], _as_text(it[1])) if is_mapping else _as_text(it) for it in node.value]
    return copied
