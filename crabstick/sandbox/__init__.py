"""A Lichess on this machine: the HTTP API that a bot needs, with faults on demand.

Written from the public API documents and not from our own parser, so that two mistakes cannot
cancel out. The world is pure (`state.py` and the modules of operations); the HTTP side is thin
(`endpoint.py`, `routes_*.py`, `streams.py`, `asgi.py`, `server.py`).
"""
