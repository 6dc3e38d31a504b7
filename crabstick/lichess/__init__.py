"""The Lichess client: Lichess's JSON becomes `rules.lichess_types`, its failures become our errors.

Import the modules by name: `account_client` loads berserk (4 MB), which EngineActors do not need.
"""
