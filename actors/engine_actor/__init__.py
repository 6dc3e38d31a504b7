"""The EngineActor: plays one game on a Ray worker."""
