"""The door to Lichess: its JSON becomes `rules.model` here, and its failures become our errors.

Import the parts by name: `client` brings berserk along (4 MB), which no EngineActor needs.
"""

__all__: list[str] = []
