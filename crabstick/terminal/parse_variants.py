"""The variants that the command line accepts."""

from crabstick.errors import ConfigError
from crabstick.sandbox.vocabulary import VARIANTS


def parse_variants(text: str) -> tuple[str, ...]:
    """Reads the key of a variant, or `all`.

    Raises:
        ConfigError: Lichess has no such variant.
    """
    if text == "all":
        return tuple(VARIANTS)
    if text not in VARIANTS:
        raise ConfigError(f"--variant {text}: Lichess knows {', '.join(VARIANTS)}; or write all")
    return (text,)
