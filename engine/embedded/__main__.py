"""Starts the embedded engine on standard input and output."""

import sys

from engine.embedded.uci import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
