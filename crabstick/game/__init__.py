"""Plays one game, without Ray: stream, decisions, engine, moves."""
