"""The bot's identity at Lichess: base URL, token, and the User-Agent of each request."""

from dataclasses import dataclass, field

from pydantic import SecretStr

from crabstick import __version__
from crabstick.rules.lichess_types import GameId


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Base URL, token and user of all requests of one bot.

    `user` is None until the account's name is known. Lichess refuses (401) a User-Agent that names
    a different user than the token's.
    """

    url: str
    token: SecretStr = field(repr=False)
    user: str | None = None

    def address(self, path: str) -> str:
        """The absolute URL of a path that begins with a slash."""
        return self.url.rstrip("/") + path

    def user_agent(self, game_id: GameId | None = None) -> str:
        """`crabstick/<version> user:<bot> game:<id>`: the same for all requests of one game."""
        parts = [f"crabstick/{__version__}"]
        if self.user is not None:
            parts.append(f"user:{self.user}")
        if game_id is not None:
            parts.append(f"game:{game_id}")
        return " ".join(parts)

    def headers(self, game_id: GameId | None = None) -> dict[str, str]:
        """The headers of a request; secret, because they hold the token."""
        return {
            "Authorization": f"Bearer {self.token.get_secret_value()}",
            "User-Agent": self.user_agent(game_id),
        }

    def redact(self, text: str) -> str:
        """The text with the token replaced."""
        return text.replace(self.token.get_secret_value(), "[token]")
