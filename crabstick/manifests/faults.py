"""What is wrong in a manifest, and where: the place as an operator would write it."""

from dataclasses import dataclass

__all__ = ["Fault", "Finding", "Remark", "Route", "dotted"]

Route = tuple[str | int, ...]
"""The way to a value: keys, and positions in lists."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake: `words` go on after the place, or stand alone when there is no `route`."""

    words: str
    route: Route = ()
    owner: str = ""
    """The kind and name of the object, unless it is the RayCluster."""
    is_elsewhere: bool = False
    """Whether the text is right, and what it will meet in Kubernetes is not."""

    def __str__(self) -> str:
        place = f"{self.owner}, {dotted(self.route)}" if self.owner else dotted(self.route)
        return f"{place} {self.words}" if self.route else self.words


@dataclass(frozen=True, slots=True)
class Remark:
    """What is no mistake, and yet good to know before the manifests are applied."""

    words: str


Finding = Fault | Remark


def dotted(route: Route) -> str:
    """`spec.workerGroupSpecs[0].maxReplicas`; a key with dots of its own stands in brackets."""
    text = ""
    for step in route:
        if isinstance(step, int) or "." in step or "/" in step:
            text += f"[{step}]"
        else:
            text += f".{step}"
    return text.removeprefix(".")
