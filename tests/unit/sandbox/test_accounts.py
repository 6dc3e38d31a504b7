"""Accounts from a file: every mistake is one sentence with path and key, and shows no token."""

from pathlib import Path

import pytest

from crabstick.errors import ConfigError
from crabstick.sandbox.accounts import Accounts, SandboxAccount, default_accounts, load_accounts

GOOD = """
accounts:
  - {name: Crabby, title: BOT, rating: 2100, games: 7, tokens: {secret1: "bot:play challenge:read"}}
  - name: someone
"""


def load(folder: Path, text: str) -> Accounts:
    path = folder / "accounts.yaml"
    path.write_text(text, encoding="utf-8")
    return load_accounts(path)


def test_a_good_file_gives_its_accounts_and_tokens(tmp_path: Path) -> None:
    accounts = load(tmp_path, GOOD)
    bearer = accounts.bearer("secret1")
    assert bearer is not None
    assert (bearer.account.id, bearer.scope_text) == ("crabby", "bot:play,challenge:read")
    assert (accounts["crabby"].rating, accounts["crabby"].games) == (2100, 7)
    assert accounts.get("SOMEONE") == SandboxAccount(name="someone")
    assert accounts.bearer("secret2") is None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("accounts: [", "yaml, line 1, column 12: expected the node content"),
        ("", "accounts.yaml must be a mapping of keys to values"),
        ("accounts: []", "accounts is []; it must be a list, and not empty"),
        ("players: []", "players is not a known key; known there: accounts (and 1 more problem)"),
        ("accounts: [{name: 'a b'}]", "accounts[0].name is 'a b'; it must be a name of Lichess: 2"),
        ("accounts: [{name: abc, title: KING}]", "accounts[0].title is 'KING'; it must be BOT, GM"),
        (
            "accounts: [{nam: abc}]",
            "accounts[0].nam is not a known key; did you mean accounts.name? (and 1 more problem)",
        ),
        (
            "accounts: [{name: abc, tokens: {sec-ret: ''}}]",
            "accounts[0].tokens must have tokens of letters, digits and _ only",
        ),
        (
            "accounts: [{name: abc, tokens: {secret: 'bot:pray'}}]",
            (
                "accounts[0].tokens must not hold 'bot:pray', which is not a scope of Lichess "
                "(did you mean bot:play?)"
            ),
        ),
        (
            "accounts: [{name: abc, tokens: {secret: 7}}]",
            "accounts[0].tokens must give each token its scopes, such as",
        ),
        (
            "accounts: [{name: abc, tokens: secret}]",
            "accounts[0].tokens must be a mapping of tokens to their scopes",
        ),
        ("accounts: [{name: abc}, {name: ABC}]", "two accounts are called ABC"),
        (
            "accounts: [{name: abc, tokens: {secret: ''}}, {name: abd, tokens: {secret: ''}}]",
            "a token of abd also belongs to abc",
        ),
    ],
)
def test_a_broken_file_is_one_sentence_with_path_and_key(
    tmp_path: Path, text: str, part: str
) -> None:
    with pytest.raises(ConfigError) as problem:
        load(tmp_path, text)
    sentence = str(problem.value)
    assert sentence.startswith(str(tmp_path / "accounts.yaml"))
    assert part in sentence
    assert "secret" not in sentence
    assert "\n" not in sentence


def test_a_missing_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: there is no such file"):
        load_accounts(tmp_path / "nowhere.yaml")


def test_the_default_set_has_the_bot_and_opponents() -> None:
    accounts = default_accounts()
    assert accounts["crabstick"].is_bot
    assert accounts.token_of("crabstick") == "crabstick_token"
    assert sum(account.is_bot for account in accounts) == 9
    assert not accounts["visitor"].is_bot


def test_an_upgrade_makes_a_bot_and_a_revoked_token_is_forgotten() -> None:
    accounts = default_accounts()
    accounts.upgrade("visitor")
    accounts.revoke("visitor_token")
    assert (accounts["visitor"].title, accounts["visitor"].rating) == ("BOT", 2000)
    assert accounts.bearer("visitor_token") is None


def test_the_default_accounts_are_rated_within_each_others_reach() -> None:
    ratings = [account.rating for account in default_accounts()]
    assert max(ratings) - min(ratings) <= 300
