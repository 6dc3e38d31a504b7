"""Which variants the command line takes."""

import pytest

from crabstick.errors import ConfigError
from crabstick.terminal.parse_variants import parse_variants


def test_a_variant_is_named_by_its_key_and_all_are_ten() -> None:
    assert parse_variants("threeCheck") == ("threeCheck",)
    assert len(parse_variants("all")) == 10
    with pytest.raises(ConfigError, match="--variant chess: Lichess knows standard, chess960"):
        parse_variants("chess")
