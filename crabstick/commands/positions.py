"""`crabstick positions`: prints what plays each position, and a link to a challenge from there."""

from collections.abc import Callable
from urllib.parse import quote

from crabstick.check.local_checks import identify, positions
from crabstick.rules.start_positions import complete
from crabstick.settings import Settings


def print_positions(settings: Settings, say: Callable[[str], None]) -> None:
    """Says two lines for each position; its challengers choose the side that the bot does not play.

    Raises:
        ConfigError: the token is missing or wrong.
        EnvironmentProblem: Lichess cannot be reached, or the account is not a BOT account.
    """
    url = f"{settings.lichess.url}/?user={identify(settings).name}"
    for finding, position in zip(positions(settings), settings.positions, strict=False):
        say(finding.words)
        say(f"  {url}&fen={quote(complete(position.fen))}#friend")
