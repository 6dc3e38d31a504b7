"""No redacted text contains a hidden secret."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from crabstick.telemetry import redaction
from crabstick.telemetry.redaction import HIDDEN, hide, redact


@pytest.fixture(autouse=True)
def _nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_hidden", set())


def test_a_hidden_secret_is_replaced_everywhere() -> None:
    hide(SecretStr("lip_abc"))
    assert redact("Bearer lip_abc, again lip_abc") == f"Bearer {HIDDEN}, again {HIDDEN}"


def test_an_empty_secret_hides_nothing() -> None:
    hide(SecretStr(""))
    assert redact("abc") == "abc"


def test_the_longer_of_two_secrets_goes_first() -> None:
    hide(SecretStr("abc"))
    hide(SecretStr("abcdef"))
    assert redact("abcdef") == HIDDEN


secrets = st.text(st.characters(exclude_categories=["Cs"]), min_size=3)


@given(secrets, st.text())
def test_no_spelling_of_a_secret_survives(secret: str, around: str) -> None:
    redaction._hidden.clear()
    if secret in HIDDEN:
        return
    hide(SecretStr(secret))
    text = json.dumps({"a": around + secret}, ensure_ascii=False) + repr(secret) + secret
    assert secret not in redact(text).replace(HIDDEN, "\n")
    assert secret not in redact(text.replace("\n", "")).split(HIDDEN)
