"""Reads and writes small text files; every failure is one sentence.

No message shows the content of a file: the content may be a secret.
"""

import os
from contextlib import suppress
from pathlib import Path

from crabstick.errors import ConfigError, EnvironmentProblem


def read_text(path: Path, *, named_by: str, limit: int) -> str:
    """The whole text of the file at `path`, UTF-8, without a byte order mark.

    `named_by` is what names the file, such as `lichess.token_file`; error messages begin with it.
    `limit` is the largest size in bytes.

    Raises:
        ConfigError: the file is missing, unreadable, too large, or not text.
    """
    subject = f"{named_by} {path}"
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        what = "a link to a file that does not exist" if path.is_symlink() else "no such file"
        raise ConfigError(f"{subject}: there is {what}") from None
    except OSError as error:
        raise ConfigError(f"{subject} cannot be read: {error.strerror}") from None
    return as_text(content, subject, limit)


def as_text(content: bytes, subject: str, limit: int) -> str:
    """Decodes `content`, which `subject` names; raises ConfigError as `read_text` does."""
    if len(content) > limit:
        raise ConfigError(f"{subject} is larger than {limit} bytes; is it the right file?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{subject} is not UTF-8 text; is it the right file?") from None


def write_text(path: Path, text: str, *, mode: int = 0o666) -> None:
    """Writes a file whole or not at all, beside its place and then into it; makes its folder.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)  # of a process of that number that was killed
        draft.touch(mode, exist_ok=False)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise EnvironmentProblem(f"{path} cannot be written ({error.strerror})") from None
    finally:
        with suppress(OSError):
            draft.unlink()
