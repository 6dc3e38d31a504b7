"""`python -P -m engine.fairy`: the bundled engine, Fairy-Stockfish from PyPI's package pyffish.

The package's extension module is a whole Fairy-Stockfish, and exports its C function `main`. We
load the file without importing it: an import would set up the engine a second time. `main` speaks
UCI on stdin and stdout, and returns at `quit` and at the end of stdin.
"""

import ctypes
import signal
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

from engine.errors import OURS

MISSING = (
    "the Python package pyffish is missing or broken: reinstall it (its sources need a C++"
    " compiler), or set engine.kind: uci and an engine.path, such as Debian's"
    " fairy-stockfish or stockfish"
)
"""The only output without the package, besides the system's own words."""


def library() -> Path | None:
    """The file of the extension module; None when the package is missing."""
    package = find_spec("pyffish")
    folders = (package and package.submodule_search_locations) or ()
    paths = (Path(at) / f"_pyffish{end}" for at in folders for end in EXTENSION_SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def main() -> int:
    """Runs the engine until its input ends; returns the exit status."""
    path, why = library(), ""
    try:
        run = ctypes.CDLL(str(path)).main if path else None
    except (OSError, AttributeError) as err:  # built for another system; built without `main`
        run, why = None, f"({err})\n"
    if run is None:
        sys.stderr.write(f"{OURS}{MISSING}\n{why}")
        return 1
    return int(run(1, (ctypes.c_char_p * 2)(b"fairy", None)))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the host, which then sends quit
    sys.exit(main())
