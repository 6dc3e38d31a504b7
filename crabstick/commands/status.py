"""`crabstick status`: how the running bot stands, for a person or as JSON."""

import json

from rich.console import Console

from actors.connect import connect, disconnect
from crabstick.commands.picture import picture_of
from crabstick.commands.up import cluster_of, picture
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings

__all__ = ["status"]


def status(settings: Settings, address: str | None, *, as_json: bool, console: Console) -> None:
    """Prints it once.

    Raises:
        EnvironmentProblem: no bot runs there.
    """
    cluster = cluster_of(address)
    namespace = settings.cluster.namespace
    seen = None
    if cluster is not None:
        connect(cluster.address, namespace)
        try:
            seen = picture(namespace)
        finally:
            disconnect()
    if seen is None:
        raise EnvironmentProblem("no bot runs here: `crabstick up` starts it")
    if as_json:
        console.print_json(json.dumps(seen))
    else:
        console.print(picture_of(seen))
