"""Installing the app in a workspace: the page that asks, the code, and what it is worth.

Source: docs.slack.dev, "Installing with OAuth": a code is good once and for ten minutes.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from tests.fakes.slack.refused import Refused
from tests.fakes.slack.state import APP_ID, State
from tests.fakes.slack.workspace import Workspace

CODE_SECONDS = 600.0
CLIENT_ID = "1111.2222"
CLIENT_SECRET = "fake-client-secret"


@dataclass(slots=True)
class _Code:
    workspace: Workspace
    redirect_uri: str
    scopes: frozenset[str]
    user: str
    at: float
    used: bool = False


class OAuth:
    client_id = CLIENT_ID
    client_secret = CLIENT_SECRET

    def __init__(self, state: State) -> None:
        self._state = state
        self._codes: dict[str, _Code] = {}

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Slack's page: which workspace shall it be?"""
        if request.query.get("client_id") != self.client_id:
            raise web.HTTPBadRequest(text="invalid_client_id")
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in request.query.items()
        )
        buttons = "".join(
            f'<p><button name="team" value="{team}">Allow in {escape(one.name)}</button></p>'
            for team, one in self._state.workspaces.items()
        )
        scopes = escape(request.query.get("scope", "")).replace(",", ", ")
        return web.Response(
            content_type="text/html",
            text=f'<!doctype html><meta name="viewport" content="width=device-width">'
            f'<meta name="color-scheme" content="light dark"><title>Install the app</title>'
            f"<h1>Outrider wants to join</h1><p>It asks for: {scopes}</p>"
            f'<form method="post">{hidden}{buttons}<button name="team" value="">Cancel</button>'
            "</form>",
        )

    async def decide(self, request: web.Request) -> web.StreamResponse:
        """What the person chose goes back to the app, with the state that it gave."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        workspace = self._state.workspaces.get(form.get("team", ""))
        found: dict[str, str] = {"state": form.get("state", "")}
        if workspace is None:
            found["error"] = "access_denied"
        else:
            scopes = frozenset(filter(None, form.get("scope", "").split(",")))
            found["code"] = self.code(workspace, form.get("redirect_uri", ""), scopes)
        raise web.HTTPFound(f"{form['redirect_uri']}?{urlencode(found)}")

    def code(
        self,
        workspace: Workspace,
        redirect_uri: str,
        scopes: frozenset[str] = frozenset(),
        user: str = "U0ADMIN",
    ) -> str:
        made = uuid.uuid4().hex
        self._codes[made] = _Code(workspace, redirect_uri, scopes, user, self._state.clock())
        return made

    def access(self, arguments: Mapping[str, Any], authorization: str) -> dict[str, Any]:
        """oauth.v2.access: the token of the workspace that the code stands for."""
        client_id, secret = _client(arguments, authorization)
        if client_id != self.client_id:
            raise Refused("invalid_client_id")
        if secret != self.client_secret:
            raise Refused("bad_client_secret")
        code = self._codes.get(str(arguments.get("code")))
        if code is None or self._state.clock() > code.at + CODE_SECONDS:
            raise Refused("invalid_code")
        if code.used:
            raise Refused("code_already_used")
        if str(arguments.get("redirect_uri") or code.redirect_uri) != code.redirect_uri:
            raise Refused("bad_redirect_uri")
        code.used = True
        return self._installed(code)

    def _installed(self, code: _Code) -> dict[str, Any]:
        workspace = code.workspace
        if workspace.token in workspace.dead_tokens or not workspace.installed:
            workspace.token = f"xoxb-fake-{uuid.uuid4().hex}"
        workspace.installed = True
        if code.scopes:
            workspace.scopes = code.scopes
        workspace.person(code.user, is_admin=True)
        return {
            "access_token": workspace.token,
            "token_type": "bot",
            "scope": ",".join(sorted(code.scopes)),
            "bot_user_id": workspace.bot_user_id,
            "app_id": APP_ID,
            "team": {"id": workspace.team_id, "name": workspace.name},
            "enterprise": None,
            "is_enterprise_install": False,
            "authed_user": {"id": code.user},
        }


def _client(arguments: Mapping[str, Any], authorization: str) -> tuple[str, str]:
    """By HTTP's basic authentication, or in the form."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "basic":
        name, _, secret = base64.b64decode(given).decode().partition(":")
        return name, secret
    return str(arguments.get("client_id", "")), str(arguments.get("client_secret", ""))
