"""One game, played without any knowledge of Ray: stream, decisions, engine, moves."""
