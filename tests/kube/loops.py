"""Steps that are done again and again beside a test, as a controller does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

PAUSE_S: Final = 0.1


@contextmanager
def repeated(step: Callable[[], None]) -> Iterator[None]:
    """Does it in a thread until the block ends; what it raised first is raised then."""
    is_over = threading.Event()
    raised: list[Exception] = []

    def run() -> None:
        while not is_over.wait(PAUSE_S):
            try:
                step()
            except Exception as error:  # noqa: BLE001 -- it is raised below
                raised.append(error)
                return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        if raised:
            raise raised[0]  # whatever else went wrong came of it
