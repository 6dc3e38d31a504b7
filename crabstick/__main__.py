"""`python -m crabstick`: the same as the `crabstick` program."""

import sys
from pathlib import Path

if sys.path and sys.path[0] == str(Path.cwd()) and not Path(__file__).is_relative_to(Path.cwd()):
    sys.path.append(sys.path.pop(0))  # the folder one stands in is data: it may have a chess.py

from crabstick.cli import main

if __name__ == "__main__":
    main()
