"""One UCI process, bounded and ended in time: knows chess programs, not Lichess, not Ray.

Nothing is imported here: `python -m engine.fake` and `python -m engine.embedded` pass through this
file, and their start is part of a game's cold start. Import from the modules:

- `engine.spec`: what to start and what to ask (values)
- `engine.process`: `UciEngine`, one process; `check`, whether a spec works here
- `engine.resilient`: `ResilientEngine`, a process that is replaced when it fails
- `engine.fake`: a UCI process that misbehaves on demand, for tests and benchmarks
"""

__all__: list[str] = []
