"""auth.test and auth.revoke."""

from __future__ import annotations

from tests.fakes.slack.asked import Answer, Asked, Method


def test(asked: Asked) -> Answer:
    workspace = asked.workspace
    return {
        "url": f"https://{workspace.domain}.slack.com/",
        "team": workspace.name,
        "user": "outrider",
        "team_id": workspace.team_id,
        "user_id": workspace.bot_user_id,
        "bot_id": workspace.bot_id,
        "is_enterprise_install": False,
    }


def revoke(asked: Asked) -> Answer:
    if asked.flag("test"):
        return {"revoked": False}
    asked.workspace.dead_tokens[asked.token] = "token_revoked"
    asked.tell(asked.events.tokens_revoked())
    return {"revoked": True}


TABLE: dict[str, Method] = {"auth.test": test, "auth.revoke": revoke}
