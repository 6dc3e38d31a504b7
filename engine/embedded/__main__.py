"""Starts the embedded engine on standard input and output."""

import sys

from engine.embedded.uci import main

__all__: list[str] = []

sys.exit(main())
