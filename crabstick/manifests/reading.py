"""Holds values against their shapes: what is wrong with them, and what was probably meant.

The values that come back fit the shape, with a misspelt field under its right name and a number
that should have been text as text. So one mistake makes one fault, and rules may rely on the rest.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from crabstick.explain import nearest, neighbours, public, shown
from crabstick.manifests.faults import Fault, Route, dotted
from crabstick.manifests.quantities import is_quantity
from crabstick.manifests.shapes import Choice, Kind, ListOf, MapOf, Part, Plain

__all__ = ["read"]

_TRUTHS: Final = {"true": True, "false": False}
_DIGITS = 11
"""No number of Kubernetes has more of them, a sign included."""
_PORTS = range(1, 2**16)
_DEEPEST = 3
_ALIKE = 0.9
"""A field beside it that is so like it was meant, wherever else there may be one of that name."""
_OWN_WORDS: Final = {"StartParameters": "option of `ray start`"}
"""Parts whose fields are somebody else's."""
_EVERYWHERE: Final = frozenset({"key", "kind", "mode", "name", "path", "type", "value"})
"""Fields of so many parts that none of them can be guessed."""

_Above = tuple[tuple[Part, Route], ...]
"""The parts that a value stands in, the outermost first, and where each of them stands."""


def read(value: object, kind: Kind, known_as: str, route: Route = ()) -> tuple[object, list[Fault]]:
    """The value as it was meant, None where that cannot be told, and every fault in it.

    Args:
        value: plain values, as YAML gives them.
        kind: what it ought to be.
        known_as: whose fields they are, for the sentence.
        route: where the value stands.
    """
    reader = _Reader(known_as)
    meant = reader.read(value, kind, route, ())
    return meant, reader.faults


class _Reader:
    def __init__(self, known_as: str) -> None:
        self.faults: list[Fault] = []
        self._known_as = known_as

    def read(self, value: object, kind: Kind, route: Route, above: _Above) -> object:
        match kind:
            case Part():
                return self._part(value, kind, route, above)
            case ListOf():
                return self._list(value, kind, route, above)
            case MapOf():
                return self._map(value, kind, route, above)
            case Choice():
                return self._choice(value, kind, route)
            case Plain():
                return _PLAIN[kind](self, value, route)

    def _fault(self, route: Route, words: str) -> None:
        self.faults.append(Fault(public(words), route))

    def _part(
        self, value: object, part: Part, route: Route, above: _Above
    ) -> dict[str, object] | None:
        if not isinstance(value, Mapping):
            self._fault(route, f"is {shown(value)}; it must be a mapping of fields to values")
            return None
        given = {str(name): below for name, below in value.items() if below is not None}
        here = (*above, (part, route))
        meant: dict[str, object] = {}
        named: set[str] = set()
        for name, below in given.items():
            field = name if name in part.fields else self._misspelt(name, given, here)
            if field is not None:
                named.add(field)
                meant[field] = self.read(below, part.fields[field], (*route, name), here)
        for name in sorted(part.required - named):
            self._fault((*route, name), "is missing")
        return {field: value for field, value in meant.items() if value is not None}

    def _misspelt(self, name: str, given: Mapping[str, object], here: _Above) -> str | None:
        """The field that was meant by a name that is none."""
        part, route = here[-1]
        beside = nearest(name, part.fields, _ALIKE)
        place = None if beside else _other_place(name, here)
        advice = f"did you mean {dotted(place)}?" if place else neighbours(name, part.fields)
        known_as = _OWN_WORDS.get(part.name, f"field of {self._known_as}")
        self._fault((*route, name), f"is no {known_as}; {advice}")
        near = None if place else nearest(name, part.fields)
        return None if near in given else near

    def _list(self, value: object, kind: ListOf, route: Route, above: _Above) -> list[object]:
        if not isinstance(value, list):
            self._fault(route, f"is {shown(value)}; it must be a list")
            return []
        read = [self.read(item, kind.item, (*route, at), above) for at, item in enumerate(value)]
        if isinstance(kind.item, Part):  # the others keep their positions
            return [{} if item is None else item for item in read]
        return [item for item in read if item is not None]

    def _map(self, value: object, kind: MapOf, route: Route, above: _Above) -> dict[str, object]:
        if not isinstance(value, Mapping):
            self._fault(route, f"is {shown(value)}; it must be a mapping of names to values")
            return {}
        given = {str(name): below for name, below in value.items() if below is not None}
        read = {
            name: self.read(below, kind.value, (*route, name), above)
            for name, below in given.items()
        }
        return {name: below for name, below in read.items() if below is not None}

    def _choice(self, value: object, kind: Choice, route: Route) -> str | None:
        if value in kind.words:
            return str(value)
        if value == "":  # as if it were not there
            return None
        near = nearest(value, kind.words) if isinstance(value, str) else None
        advice = f"; did you mean {near}?" if near else ""
        self._fault(route, f"is {shown(value)}; it must be {' or '.join(kind.words)}{advice}")
        return near

    def text(self, value: object, route: Route) -> str | None:
        if isinstance(value, str):
            return value
        if not isinstance(value, bool | int | float):
            self._fault(route, f"is {shown(value)}; it must be text")
            return None
        word = str(value).lower()  # of a float, 2.60 too, YAML has left 2.6
        advice = "put it in quotes" if isinstance(value, float) else f'write "{word}"'
        self._fault(route, f"is {word} without quotes; it must be text: {advice}")
        return word

    def number(self, value: object, route: Route) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        word = value if isinstance(value, str) else ""
        is_number = word.removeprefix("-").isdecimal() and len(word) <= _DIGITS
        advice = f": write {word} without quotes" if is_number else ""
        self._fault(route, f"is {shown(value)}; it must be a whole number{advice}")
        return int(word) if is_number else None

    def flag(self, value: object, route: Route) -> bool | None:
        if isinstance(value, bool):
            return value
        meant = _TRUTHS.get(str(value).lower())
        advice = "" if meant is None else f": write {str(value).lower()} without quotes"
        self._fault(route, f"is {shown(value)}; it must be true or false{advice}")
        return meant

    def amount(self, value: object, route: Route) -> str | None:
        text = value if isinstance(value, str) else str(value)
        if not isinstance(value, bool) and is_quantity(text):
            return text
        self._fault(route, f"is {shown(value)}; it must be an amount such as 500m, 2 or 2Gi")
        return None

    def port(self, value: object, route: Route) -> str | None:
        if isinstance(value, str | int) and not isinstance(value, bool):
            return str(value)
        self._fault(route, f"is {shown(value)}; it must be a port or the name of one")
        return None

    def port_number(self, value: object, route: Route) -> int | None:
        number = self.number(value, route)
        if number is not None and number not in _PORTS:
            self._fault(route, f"is {number}; it must be a port, from 1 to {_PORTS[-1]}")
            return None
        return number

    def anything(self, value: object, _route: Route) -> object:
        return value


_PLAIN: Final[dict[Plain, Callable[[_Reader, object, Route], object]]] = {
    Plain.TEXT: _Reader.text,
    Plain.NUMBER: _Reader.number,
    Plain.FLAG: _Reader.flag,
    Plain.AMOUNT: _Reader.amount,
    Plain.PORT: _Reader.port,
    Plain.PORT_NUMBER: _Reader.port_number,
    Plain.ANYTHING: _Reader.anything,
}


def _other_place(name: str, here: _Above) -> Route | None:
    """Where that very field would be right: further out, else some steps further in."""
    part, route = here[-1]
    if name in _EVERYWHERE or name in route:
        return None
    outer = ((*where, name) for above, where in reversed(here[:-1]) if name in above.fields)
    return next(outer, None) or next(_inner(name, part, route, _DEEPEST), None)


def _inner(name: str, part: Part, route: Route, steps: int) -> Iterator[Route]:
    below = [
        (kind.item if isinstance(kind, ListOf) else kind, (*route, field, *_first(kind)))
        for field, kind in part.fields.items()
    ]
    parts = [(kind, where) for kind, where in below if isinstance(kind, Part)]
    yield from ((*where, name) for kind, where in parts if name in kind.fields)
    if steps > 1:
        for kind, where in parts:
            yield from _inner(name, kind, where, steps - 1)


def _first(kind: Kind) -> Route:
    return (0,) if isinstance(kind, ListOf) else ()
