"""Installing the app in a workspace: GET /slack/install, and where Slack sends the browser back.

The door asks for the password before, as for every page. On to Slack it goes by a page of ours, not
by a redirect: one that follows our sign-in's form may lead nowhere else. The answer is a page of
its own as well, so that the code stays neither in the address bar nor in a reload.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from fastapi import APIRouter, HTTPException, Request
from fastapi.templating import Jinja2Templates
from starlette.responses import RedirectResponse, Response

from assistant.errors import ChannelError, StorageUnavailable
from bots.slack.identity import BotIdentity
from bots.slack.install.grant import Grant, InstallRefused, Outcome
from bots.slack.install.install_states import LIFE_SECONDS, InstallStates, StatesUnavailable
from bots.slack.install.oauth import OAuthApp
from bots.slack.settings import REDIRECT_PATH

INSTALL_PATH = "/slack/install"
COOKIE = "outrider_slack_install"
_PRIVATE = {"cache-control": "no-store"}
_TEMPLATES = Jinja2Templates(Path(__file__).parent / "templates")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Page:
    status: int
    title: str
    sentence: str
    again: bool = False


BEGUN = _Page(200, "On to Slack", "Slack asks there which workspace it shall be.")
PAGES: Mapping[Outcome, _Page] = {
    "installed": _Page(
        200,
        "Outrider is installed",
        "In Slack, open Apps, choose Outrider and write to it.",
    ),
    "declined": _Page(
        200, "Nothing was installed", "The install was cancelled at Slack.", again=True
    ),
    "expired": _Page(
        400,
        "This install is over",
        "It was begun in another browser or more than ten minutes ago, or it is done already.",
        again=True,
    ),
    "unlisted": _Page(
        403,
        "This workspace is not served here",
        "Ask who runs this Outrider to add the workspace's id to OUTRIDER_SLACK__WORKSPACES.",
    ),
    "organisation": _Page(
        400,
        "Whole organisations can't be served",
        "Install the app in one workspace at a time: choose the workspace on Slack's page.",
        again=True,
    ),
    "rotating": _Page(
        400,
        "Tokens that rotate can't be used",
        "Ask who runs this Outrider to turn token rotation off in the Slack app.",
    ),
    "home": _Page(
        409,
        "This workspace is served already",
        "Its token is OUTRIDER_SLACK__BOT_TOKEN in Outrider's settings.",
    ),
    "refused": _Page(
        502,
        "Slack did not confirm the install",
        "Begin again. If that doesn't help, who runs this Outrider finds the reason in its log.",
        again=True,
    ),
    "away": _Page(
        503, "Please try again in a moment", "Nothing could be stored just now.", again=True
    ),
}


@dataclass(frozen=True, slots=True)
class InstallPages:
    """`add` serves a workspace from now on; `home` says who we are by the settings' own token."""

    app: OAuthApp
    states: InstallStates
    add: Callable[[Grant], Awaitable[None]]
    home: Callable[[], Awaitable[BotIdentity | None]]

    def router(self) -> APIRouter:
        routes = APIRouter(include_in_schema=False)
        routes.add_api_route(INSTALL_PATH, self.begin, methods=["GET"])
        routes.add_api_route(REDIRECT_PATH, self.take, methods=["GET"])
        routes.add_api_route(INSTALL_PATH + "/{outcome}", self.show, methods=["GET"])
        return routes

    async def begin(self, request: Request) -> Response:
        """On to Slack, with what shows later that this browser began it."""
        try:
            begun = await self.states.begin()
        except StatesUnavailable:
            return _told("away")
        response = _shown(request, BEGUN, self.app.address(begun.state))
        response.set_cookie(
            COOKIE,
            begun.browser,
            max_age=LIFE_SECONDS,
            path=REDIRECT_PATH,
            httponly=True,
            samesite="lax",
            secure=self._secure,
        )
        return response

    async def take(self, request: Request) -> Response:
        """Back from Slack."""
        query, browser = request.query_params, request.cookies.get(COOKIE, "")
        try:
            outcome = await self._outcome(query, browser)
        except InstallRefused as refused:
            outcome = refused.outcome
        except (StatesUnavailable, StorageUnavailable):
            outcome = "away"
        except ChannelError as error:
            _log.error("slack_install_failed", code=error.code, reason=str(error))
            outcome = "refused"
        if outcome != "installed":
            _log.warning("slack_not_installed", outcome=outcome)
        response = _told(outcome)
        response.delete_cookie(
            COOKIE, path=REDIRECT_PATH, httponly=True, samesite="lax", secure=self._secure
        )
        return response

    async def show(self, request: Request, outcome: str) -> Response:
        page = next((PAGES[one] for one in PAGES if one == outcome), None)
        if page is None:
            raise HTTPException(404, "There is no such page.")
        return _shown(request, page)

    async def _outcome(self, query: Mapping[str, str], browser: str) -> Outcome:
        """The state first: without it, nothing that the address says is believed."""
        if not await self.states.redeem(query.get("state", ""), browser):
            return "expired"
        if query.get("error") == "access_denied":
            return "declined"
        if not query.get("code"):
            return "refused"
        home = await self.home()
        await self.add(await self.app.exchange(query["code"], home.team_id if home else ""))
        return "installed"

    @property
    def _secure(self) -> bool:
        return self.app.redirect_url.startswith("https://")


def _shown(request: Request, page: _Page, onward: str = "") -> Response:
    """`onward`: where the browser goes by itself."""
    context = {"page": page, "onward": onward}
    return _TEMPLATES.TemplateResponse(request, "install.html", context, page.status, _PRIVATE)


def _told(outcome: Outcome) -> Response:
    return RedirectResponse(f"{INSTALL_PATH}/{outcome}", 303, _PRIVATE)
