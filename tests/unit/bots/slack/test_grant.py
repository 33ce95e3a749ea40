"""What a workspace granted, as Slack's answer to a code says it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from bots.slack.install.grant import Grant, InstallRefused, granted_token, parse_grant

ANSWER = {
    "ok": True,
    "access_token": "xoxb-1",
    "token_type": "bot",
    "scope": "chat:write,commands",
    "bot_user_id": "U0BOT",
    "team": {"id": "T1", "name": "One"},
    "enterprise": {"id": "E1", "name": "All of us"},
    "is_enterprise_install": False,
    "authed_user": {"id": "U1"},
}


def refusal(answer: object, *workspaces: str, home: str = "") -> str:
    with pytest.raises(InstallRefused) as caught:
        parse_grant(answer, workspaces, home)
    return caught.value.outcome


def test_a_grant_says_where_it_holds_and_who_gave_it() -> None:
    token = SecretStr("xoxb-1")
    assert parse_grant(ANSWER, ["T1"]) == Grant("T1", "One", token, "chat:write,commands", "U1")
    assert parse_grant(ANSWER, []) == parse_grant(ANSWER, ["T2", "T1"])
    assert "xoxb" not in repr(parse_grant(ANSWER, []))


def test_only_listed_workspaces_are_taken() -> None:
    assert refusal(ANSWER, "T2", "T11") == "unlisted"


def test_the_workspace_of_the_settings_is_known_before_all_else() -> None:
    assert refusal(ANSWER | {"expires_in": 43200}, "T2", home="T1") == "home"


@pytest.mark.parametrize(
    ("other", "outcome"),
    [
        ({"is_enterprise_install": True}, "organisation"),
        ({"is_enterprise_install": True, "team": None}, "organisation"),
        ({"team": None}, "organisation"),
        ({"refresh_token": "xoxe-1", "expires_in": 43200}, "rotating"),
        ({"token_type": "user"}, "refused"),
        ({"access_token": ""}, "refused"),
        ({"team": {"id": "default"}}, "refused"),
        ({"team": {"id": 7}}, "refused"),
    ],
)
def test_what_cannot_be_served_is_refused_with_its_reason(
    other: dict[str, Any], outcome: str
) -> None:
    assert refusal(ANSWER | other) == outcome


@pytest.mark.parametrize("answer", [None, [], "x", {}, {"team": "T1"}])
def test_what_is_no_answer_of_slacks_is_refused(answer: object) -> None:
    assert refusal(answer) == "refused"
    assert granted_token(answer) is None
