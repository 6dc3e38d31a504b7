"""What the owner of a bot decides: the settings, where they come from, and the two tokens."""

from crabstick.settings.challenges import ChallengeSettings
from crabstick.settings.load import load_settings, settings_from, settings_source
from crabstick.settings.model import ClusterSettings, Settings
from crabstick.settings.tokens import (
    ADMIN_VARIABLE,
    TOKEN_VARIABLE,
    given_token,
    read_admin_token,
    read_token,
)

__all__ = [
    "ADMIN_VARIABLE",
    "TOKEN_VARIABLE",
    "ChallengeSettings",
    "ClusterSettings",
    "Settings",
    "given_token",
    "load_settings",
    "read_admin_token",
    "read_token",
    "settings_from",
    "settings_source",
]
