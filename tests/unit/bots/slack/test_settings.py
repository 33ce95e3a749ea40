"""The Slack account's settings."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from bots.slack.settings import SlackSettings


def test_slack_is_off_unless_a_token_is_given() -> None:
    assert SlackSettings().bot_token is None
    assert SlackSettings(bot_token=SecretStr(" "), app_token=SecretStr("")).bot_token is None


def test_secrets_are_not_shown() -> None:
    settings = SlackSettings(
        bot_token=SecretStr("xoxb-1"), app_token=SecretStr("xapp-1"), signing_secret=SecretStr("s3")
    )
    for secret in ("xoxb-1", "xapp-1", "s3"):
        assert secret not in f"{settings!r} {settings} {settings.model_dump_json()}"


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
