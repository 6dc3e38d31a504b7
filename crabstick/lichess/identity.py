"""Who we are to Lichess: its address, our token, and the User-Agent that goes with each request."""

from dataclasses import dataclass, field

from pydantic import SecretStr

from crabstick import __version__
from crabstick.rules.model import GameId

__all__ = ["Login"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The address and the bearer of all requests of one bot.

    `user` is None until the account's name is known. Lichess refuses (401) a User-Agent that names
    another user than the token's.
    """

    url: str
    token: SecretStr = field(repr=False)
    user: str | None = None

    def address(self, path: str) -> str:
        """The absolute address of a path that begins with a slash."""
        return self.url.rstrip("/") + path

    def user_agent(self, game_id: GameId | None = None) -> str:
        """`crabstick/<version> user:<bot> game:<id>`: equal for all that concerns one game."""
        parts = [f"crabstick/{__version__}"]
        if self.user is not None:
            parts.append(f"user:{self.user}")
        if game_id is not None:
            parts.append(f"game:{game_id}")
        return " ".join(parts)

    def headers(self, game_id: GameId | None = None) -> dict[str, str]:
        """The headers of a request; secret, for they hold the token."""
        return {
            "Authorization": f"Bearer {self.token.get_secret_value()}",
            "User-Agent": self.user_agent(game_id),
        }

    def scrub(self, text: str) -> str:
        """The text without the token, whoever wrote it there."""
        return text.replace(self.token.get_secret_value(), "[token]")
