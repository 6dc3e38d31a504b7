"""The embedded engine: a small chess program that crabstick can always start.

It is a UCI engine in pure Python without any dependency: `python -m engine.embedded`. One
process plays one game, so start-up time and memory count, and nothing here imports python-chess.

The files in reading order: `geometry` (which square sees which), `moves` (a move is an int),
`worth`, `keys`, `board` (`make` and `unmake`), `generate`, `fen`, `evaluate`, `tt`, `timeman`,
`ordering`, `search`, `lines`, `commands` and `uci`. Speed forbids small functions in `board`,
`generate` and `search`, where a call costs as much as three table look-ups; those files say so.
"""
