"""Logs and metrics. Nothing here decides anything."""
