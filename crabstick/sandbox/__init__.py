"""A Lichess on this machine: what a bot needs of the HTTP API, and faults on demand.

Written from the public API documents and not from any parser of ours, so that two mistakes cannot
cancel out. The world is pure (`state.py` and the modules of operations), the edge is thin
(`endpoint.py`, `routes_*.py`, `streams.py`, `wire.py`, `serve.py`).
"""
