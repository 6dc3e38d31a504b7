"""Starts the embedded engine on standard input and output."""

import sys

from engine.embedded.uci import main

sys.exit(main())
