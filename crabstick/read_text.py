"""Reading the small text files that a user names; every failure is one sentence.

The content never stands in a message: it may be a secret.
"""

from pathlib import Path

from crabstick.errors import ConfigError

__all__ = ["read_text"]


def read_text(path: Path, *, named_by: str, limit: int) -> str:
    """The whole text of the file at `path`, UTF-8, without a byte order mark.

    Args:
        path: the file.
        named_by: what led us to it, the sentence's subject: "lichess.token_file".
        limit: how many bytes it may have.

    Raises:
        ConfigError: it is missing, a directory, unreadable, too large, or no text.
    """
    subject = f"{named_by} {path}"
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise ConfigError(f"{subject}: there is no such file") from None
    except IsADirectoryError:
        raise ConfigError(f"{subject} is a directory; it must be a file") from None
    except PermissionError:
        raise ConfigError(f"{subject} may not be read by this user") from None
    except OSError as error:
        raise ConfigError(f"{subject} cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise ConfigError(f"{subject} is larger than {limit} bytes; is it the right file?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{subject} is not UTF-8 text; is it the right file?") from None
