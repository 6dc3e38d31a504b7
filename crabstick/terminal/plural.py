"""A number with its noun, for printed sentences."""


def counted(number: int, noun: str) -> str:
    """`1 game`, `4 games`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
