"""Shared by the commands: finding the bot's cluster, bringing the bot up, following its games."""
