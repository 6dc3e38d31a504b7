"""Runs UCI engines as bounded processes; knows chess programs, but neither Lichess nor Ray.

This file imports nothing: `python -m engine.fake` and `python -m engine.fairy` load it, and
their start is part of a game's cold start. Import from the modules:

- `engine.interface`: engine specs, search requests and results (values)
- `engine.uci_engine`: `UciEngine`, one process; `check` tests whether a spec works here
- `engine.resilient`: `ResilientEngine`, an engine that is replaced when it fails
- `engine.fake`: a UCI program that misbehaves on demand, for tests and benchmarks
"""
