"""Telegram's settings."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from assistant.errors import StartupError
from bots.telegram.request import TelegramRequest, environment_proxy
from bots.telegram.settings import TelegramSettings, name_of


def test_an_empty_token_is_no_token() -> None:
    assert TelegramSettings.model_validate({"token": ""}).token is None
    assert TelegramSettings(token=SecretStr("")).token is None


@pytest.mark.parametrize("given", ["1:abc\n", "\ufeff1:abc", " 1:abc\u200b", "\u00a01:abc\r\n"])
def test_what_is_invisible_at_the_ends_is_no_part_of_a_token(given: str) -> None:
    token = TelegramSettings(token=SecretStr(given)).token
    assert token is not None and token.get_secret_value() == "1:abc"


@pytest.mark.parametrize("sign", [" ", "\n", "\u200b", "\u00a0", "é", "/", "?", "#", "%", "\\"])
def test_a_token_that_no_address_can_hold_is_refused_without_the_token(sign: str) -> None:
    with pytest.raises(ValidationError, match="copy it once more") as caught:
        TelegramSettings(token=SecretStr(f"1:zz{sign}zz"))
    [fault] = caught.value.errors(include_input=False)
    assert "zz" not in fault["msg"]


def test_the_token_does_not_show() -> None:
    assert "1:abc" not in repr(TelegramSettings(token=SecretStr("1:abc")))


def test_strangers_are_not_let_in_by_default() -> None:
    assert TelegramSettings().access == "pairing"


def test_the_servers_root_has_no_slash_at_its_end() -> None:
    assert TelegramSettings(base_url="http://h:1/").base_url == "http://h:1"


@pytest.mark.parametrize("wrong", [{"base_url": "h:1"}, {"access": "all"}, {"tokn": "x"}])
def test_a_wrong_setting_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        TelegramSettings.model_validate(wrong)


@pytest.mark.parametrize("given", [[7, "-8"], (7, -8), "7,-8", "7, -8", "7 -8", ["7 -8"]])
def test_ids_of_the_allow_list_may_be_numbers(given: object) -> None:
    assert TelegramSettings.model_validate({"allowlist": given}).allowlist == ("7", "-8")


@pytest.mark.parametrize("given", ["@alice", "7 @alice", True, "true", "7.5", "--7", "７", "+49 7"])
def test_what_can_be_nobodys_id_is_refused(given: object) -> None:
    with pytest.raises(ValidationError, match="is no id of Telegram's: write a person's as 7654"):
        TelegramSettings.model_validate({"allowlist": given})


def test_the_environments_proxy_counts_unless_it_is_barred(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert environment_proxy("https://api.telegram.org") == "http://proxy:3128"
    monkeypatch.setenv("NO_PROXY", "telegram.org")
    assert environment_proxy("https://api.telegram.org") is None


def test_a_proxy_without_a_scheme_is_an_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "proxy.corp:3128")
    assert environment_proxy("https://api.telegram.org") == "http://proxy.corp:3128"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://ada:hidden@127.0.0.1:1080",
        "socks://ada:hidden@127.0.0.1:1080",
        "ftp://ada:hidden@127.0.0.1",
        "http://ada:hidden@proxy:many",
    ],
)
def test_a_proxy_that_can_not_be_used_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, proxy: str
) -> None:
    for other in ("all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, proxy)
    with pytest.raises(StartupError) as refused:
        TelegramRequest("https://api.telegram.org", SecretStr("1:a"), connections=1)
    assert str(refused.value) == (
        f"Telegram can't be reached by the proxy in {name}: set HTTPS_PROXY to one that begins "
        "with http://, or add api.telegram.org to NO_PROXY."
    )
    assert refused.value.__cause__ is None


def test_a_list_beside_open_doors_is_refused() -> None:
    given = {"token": "1:a", "access": "open", "allowlist": "7"}
    with pytest.raises(ValidationError, match="everybody may talk, so the list keeps nobody out"):
        TelegramSettings.model_validate(given)
    with pytest.raises(ValidationError, match="everybody may talk, so the list keeps nobody out"):
        TelegramSettings.model_validate({"accounts": {"b": given}})
    TelegramSettings.model_validate(given | {"access": "pairing"})


@pytest.mark.parametrize(
    ("accounts", "said"),
    [
        ({"b": {"token": "1:a"}}, "the accounts default and b have the same token"),
        ({"b": {"token": "1:b"}, "c": {"token": "1:b"}}, "the accounts b and c have the same"),
        ({"B C": {"token": "1:b"}}, "at most 32 of a-z 0-9 _ -"),
        ({"default": {"token": "1:b"}}, "is not 'default'"),
        ({"b": {}}, "the account b has no token"),
        ({"b": {"token": "1:b", "tokn": "x"}}, "tokn"),
    ],
)
def test_accounts_that_can_not_be_told_apart_are_refused(accounts: object, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TelegramSettings.model_validate({"token": "1:a", "accounts": accounts})
    assert said in str(refused.value)


def test_each_account_is_as_if_it_were_the_only_one() -> None:
    given = {"token": "1:a", "base_url": "http://h:1", "accounts": {"b": {"token": "1:b"}}}
    ours = TelegramSettings.model_validate({**given, "allowlist": "7"}).by_name()
    assert {name: one.base_url for name, one in ours.items()} == {
        "default": "http://h:1",
        "b": "http://h:1",
    }
    assert (ours["default"].allowlist, ours["b"].allowlist) == (("7",), ())
    without = TelegramSettings.model_validate({"accounts": {"b": {"token": "1:b"}}})
    assert list(without.by_name()) == ["b"]


def test_a_setting_of_an_account_has_a_name_in_the_environment() -> None:
    assert name_of("default", "token") == "OUTRIDER_TELEGRAM__TOKEN"
    assert name_of("sales", "token") == "OUTRIDER_TELEGRAM__ACCOUNTS__SALES__TOKEN"
