"""Why a cluster cannot be used, in one sentence; the connection itself is Ray's."""

import pytest

from actors.ops.connect import _why_not, connect
from crabstick.errors import ConfigError


@pytest.mark.parametrize("address", ["", "auto", "ray://host:1"])
def test_other_text_than_an_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(ConfigError, match="write host:port of the head's GCS"):
        connect(address, "crabstick")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            "Version mismatch: The cluster was started with:\n    Ray: 2.9.0\n    Python: 3.9.1\n",
            "runs Ray 2.9.0 on Python 3.9.1, this is Ray 2.60.0",
        ),
        ("Version mismatch", "runs another version"),
        ("Something odd\nand more", "cannot use the Ray cluster at h:1: Something odd"),
        ("", "no reason given"),
    ],
)
def test_rays_error_becomes_one_sentence(error: str, sentence: str) -> None:
    why = _why_not("h:1", error)
    assert sentence in why
    assert "\n" not in why
