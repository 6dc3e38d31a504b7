"""Amounts as Kubernetes writes them: 500m of a CPU, 2Gi of memory.

Source: Kubernetes, `apimachinery/pkg/api/resource`, "Quantity".
"""

import re
from decimal import ROUND_CEILING, Decimal
from typing import Final

__all__ = ["exceeds", "is_quantity", "is_thousandth", "rounded_up"]

_SHAPE = re.compile(
    r"([+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20}))([eE][+-]?\d{1,2}|[a-zA-Z]*)", re.ASCII
)
_FACTORS: Final = {
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
    **{unit: Decimal(1000) ** -power for power, unit in enumerate("mun", start=1)},
}


def is_quantity(text: str) -> bool:
    """Whether Kubernetes reads it."""
    return _value(text) is not None


def exceeds(text: str, limit: str) -> bool:
    """Whether the first amount is the larger one; False when one of them is none."""
    value, most = _value(text), _value(limit)
    return value is not None and most is not None and value > most


def is_thousandth(text: str) -> bool:
    """Whether it counts thousandths: of bytes, nobody means that."""
    return _value(text) is not None and text.endswith("m")


def rounded_up(text: str) -> int | None:
    """The whole number that Ray makes of it, 500m is 1; None when it is no quantity."""
    value = _value(text)
    return None if value is None else int(value.to_integral_value(ROUND_CEILING))


def _value(text: str) -> Decimal | None:
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    number, suffix = match.groups()
    if suffix[:1] in {"e", "E"} and len(suffix) > 1:
        return Decimal(number + suffix)
    factor = _FACTORS.get(suffix)
    return None if factor is None else Decimal(number) * factor
