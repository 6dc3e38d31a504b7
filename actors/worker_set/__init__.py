"""The WorkerSet: knows all games and all EngineActors, and gives every game exactly one actor."""
