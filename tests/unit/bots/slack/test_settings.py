"""The Slack account's settings."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from bots.seal import new_key
from bots.slack.settings import SlackSettings

INSTALLS = {
    "client_id": "1.2",
    "client_secret": "secret-3",
    "redirect_url": "https://bot.test/slack/oauth_redirect",
    "token_keys": new_key(),
    "signing_secret": "signing-4",
}
PASSWORD = SecretStr("open sesame")


def fault(password: SecretStr | None = None, **values: object) -> str:
    return SlackSettings.model_validate(values).fault(password)


def test_slack_is_off_unless_a_token_is_given() -> None:
    assert SlackSettings().bot_token is None
    assert SlackSettings(bot_token=SecretStr(" "), app_token=SecretStr("")).bot_token is None


@pytest.mark.parametrize("name", ["bot_token", "app_token", "signing_secret", "client_secret"])
def test_a_secret_is_what_a_header_can_carry(name: str) -> None:
    settings = SlackSettings.model_validate({name: "\u200bxoxb-1\n"})
    assert getattr(settings, name).get_secret_value() == "xoxb-1"
    assert getattr(SlackSettings.model_validate({name: "\u200b \n"}), name) is None
    with pytest.raises(ValidationError, match="an invisible character"):
        SlackSettings.model_validate({name: "xoxb\u200b-1"})


def test_secrets_are_not_shown() -> None:
    settings = SlackSettings(
        bot_token=SecretStr("xoxb-1"), app_token=SecretStr("xapp-1"), signing_secret=SecretStr("s3")
    )
    for secret in ("xoxb-1", "xapp-1", "s3"):
        assert secret not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_a_list_beside_open_doors_is_refused() -> None:
    given = {"bot_token": "xoxb-1", "app_token": "xapp-1", "allowlist": "U1,U2"}
    assert "set OUTRIDER_SLACK__ACCESS=allowlist" in fault(**given)
    assert fault(**given, access="allowlist") == fault(**given, access="pairing") == ""


@pytest.mark.parametrize("root", ["https://slack.test", "https://slack.test/"])
def test_the_api_is_below_the_servers_root(root: str) -> None:
    assert SlackSettings(base_url=root).api_url == "https://slack.test/api/"


@pytest.mark.parametrize("root", ["slack.com", "ftp://slack.com", ""])
def test_an_address_that_is_no_web_address_is_refused(root: str) -> None:
    with pytest.raises(ValidationError, match="http"):
        SlackSettings(base_url=root)


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError):
        SlackSettings.model_validate({"bot_tokn": "x"})


def test_installs_are_off_unless_asked_for_and_then_need_everything() -> None:
    assert not SlackSettings(bot_token=SecretStr("xoxb-1")).installs
    assert fault(PASSWORD, **INSTALLS) == ""
    for name in ("client_id", "client_secret", "redirect_url", "token_keys"):
        left = {key: value for key, value in INSTALLS.items() if key != name}
        said = fault(PASSWORD, **left)
        assert f"without OUTRIDER_SLACK__{name.upper()}: set what is missing" in said
    assert "lets nothing in" in fault(PASSWORD, **INSTALLS | {"signing_secret": ""})


def test_nobody_can_add_a_workspace_that_is_neither_listed_nor_behind_a_password() -> None:
    assert fault(**INSTALLS).startswith("Anybody could add their workspace: set OUTRIDER_SLACK__WO")
    assert fault(workspaces="T1", **INSTALLS) == ""


def test_secrets_of_the_app_are_not_shown() -> None:
    settings = SlackSettings.model_validate(INSTALLS)
    shown = f"{settings!r} {settings} {settings.model_dump_json()}"
    assert not any(INSTALLS[name] in shown for name in ("client_secret", "token_keys"))


@pytest.mark.parametrize(
    "address",
    [
        "http://bot.test/slack/oauth_redirect",
        "https://bot.test/slack",
        "https://bot.test/slack/oauth_redirect?a=b",
        "bot.test/slack/oauth_redirect",
    ],
)
def test_a_code_comes_back_over_https_to_our_page_alone(address: str) -> None:
    with pytest.raises(ValidationError, match="must begin with https:// and end in /slack/oauth"):
        SlackSettings(redirect_url=address)


def test_what_is_no_key_or_no_workspace_is_refused() -> None:
    with pytest.raises(ValidationError, match="outrider slack key"):
        SlackSettings.model_validate({"token_keys": f"{new_key()},short"})
    with pytest.raises(ValidationError, match="begin with T"):
        SlackSettings.model_validate({"workspaces": "T1, acme.slack.com"})


def test_lists_may_be_written_with_commas() -> None:
    one, other = new_key(), new_key()
    settings = SlackSettings.model_validate(
        {"token_keys": f"{one}, {other}", "workspaces": "T1,T2"}
    )
    assert [key.get_secret_value() for key in settings.token_keys] == [one, other]
    assert settings.workspaces == ("T1", "T2")
