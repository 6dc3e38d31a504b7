"""Has Ray send an actor's class to other processes by its path alone.

Ray makes a subclass of an actor's class and pickles it with all methods and their annotations. A
process of another version lacks some of the modules or methods in them. There Ray makes up a class
instead, whose methods take nothing, and every call by such a handle fails. A path leads to that
version's own class.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from ray.actor import _modify_class

T = TypeVar("T")


def sent_by_path(module: str) -> Callable[[type[T]], type[T]]:
    """Decorates an actor's class, which `module` has to have as an attribute in every version.

    Makes Ray's subclass here, so that it is what the path leads to; Ray does not make another.
    """

    def decorate(actor: type[T]) -> type[T]:
        actor.__module__ = module
        subclass: Any = _modify_class(actor)  # type: ignore[no-untyped-call]  # Ray's
        subclass.__qualname__, subclass.__doc__ = actor.__qualname__, actor.__doc__
        made: type[T] = subclass
        return made

    return decorate
