"""What `ray start` has no option for: a local Ray without the server of Ray Client.

Nobody uses it here, it costs a process, and on a busy machine it takes Ray down with it when it is
late. Ray calls the function that RAY_START_HOOK names before it starts anything.
"""

from typing import Any

__all__ = ["HOOK", "without_client_server"]

HOOK = f"{__name__}.without_client_server"


def without_client_server(parameters: Any, _is_head: bool) -> None:  # noqa: ANN401, FBT001 -- Ray's profile
    """Takes the server of Ray Client out of what `ray start` is about to start."""
    parameters.ray_client_server_port = None
