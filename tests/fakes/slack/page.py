"""A page to chat by hand, and the same as JSON for tests in other processes.

POST /_fake/do/say    {"user": "U0YOU", "channel": "C0GENERAL", "text": "hi", "thread"?, "team"?}
POST /_fake/do/<act>  everything else that people do (acts.py)
GET  /_fake/view?user=U0YOU&channel=C0GENERAL  what the page shows
"""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from tests.fakes.slack.acts import act
from tests.fakes.slack.server import FakeSlack
from tests.fakes.slack.view import seen

FILES = Path(__file__).with_name("page_files")
# What came from outside is shown as text; should that ever fail, nothing of it runs.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'"
)
USER = "U0YOU"
CHATS = {"dm": f"D{USER}", "general": "C0GENERAL", "partners": "C0PARTNERS"}


def add_page(slack: FakeSlack) -> None:
    """Serve the page at `/`, with some people and channels to begin with."""
    _furnish(slack)

    async def page(request: web.Request) -> web.StreamResponse:
        path = FILES / request.match_info.get("name", "page.html")
        if not path.is_file():
            raise web.HTTPNotFound
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
        return web.FileResponse(path, headers=headers)

    async def no_picture(request: web.Request) -> web.StreamResponse:
        return web.Response(status=204)

    async def do(request: web.Request) -> web.StreamResponse:
        try:
            result = act(slack, request.match_info["act"], await request.json())
        except (LookupError, TypeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"result": result})

    async def view(request: web.Request) -> web.StreamResponse:
        team = request.query.get("team") or slack.workspace.team_id
        workspace = slack.state.workspaces.get(team)
        if workspace is None:
            raise web.HTTPNotFound
        user = request.query["user"]
        workspace.person(user)
        return web.json_response(seen(slack, workspace, user, request.query["channel"]))

    async def file(request: web.Request) -> web.StreamResponse:
        found = slack.state.files.get(request.match_info["file"])
        if found is None:
            raise web.HTTPNotFound
        headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
        headers["Content-Disposition"] = "attachment"
        kind = "application/octet-stream"
        return web.Response(body=found.content, content_type=kind, headers=headers)

    routes = slack.app.router
    routes.add_get("/", page)
    routes.add_get("/favicon.ico", no_picture)
    routes.add_get(r"/page/{name:[a-z]+\.(?:css|js)}", page)
    routes.add_post("/_fake/do/{act}", do)
    routes.add_get("/_fake/view", view)
    routes.add_get("/_fake/files/{file}", file)


def _furnish(slack: FakeSlack) -> None:
    workspace = slack.workspace
    workspace.person(USER, "Ada", is_admin=True)
    workspace.person("U0BRUNO", "Bruno")
    for name in ("general", "partners"):
        workspace.channel(CHATS[name]).name = name
    workspace.person("U0CARLA", "Carla")
    slack.outsider("U0CARLA", "T0ELSEWHERE", CHATS["partners"])
    for user in (USER, "U0BRUNO"):
        workspace.channel(f"D{user}").name = "Outrider"
