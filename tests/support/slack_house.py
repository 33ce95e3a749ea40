"""The service with Slack as the composition root opens it: its workspaces, pages and sockets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from html import unescape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from assistant.settings import AssistantSettings
from bots.channels import ChannelSet, open_slack
from bots.http.safety import HttpSafety
from bots.http.secure import secure
from bots.seal import new_key
from bots.settings import Settings
from bots.slack.settings import REDIRECT_PATH, SlackSettings
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.fakes.slack import FakeSlack
from tests.support.house import FAST, House, house, running, working
from tests.support.serving import serving

KEY = new_key()


def installable(slack: FakeSlack, port: int, **values: Any) -> SlackSettings:
    """Settings with which workspaces may install the app; without a token of the environment."""
    given = {
        "signing_secret": slack.signing_secret,
        "base_url": slack.url,
        "client_id": slack.oauth.client_id,
        "client_secret": slack.oauth.client_secret,
        "redirect_url": f"http://127.0.0.1:{port}{REDIRECT_PATH}",
        "token_keys": KEY,
        "workspaces": "T0FAKE,T0SECOND",
    }
    return SlackSettings.model_validate(given | values)


@dataclass
class SlackHouse:
    """One gateway, and a worker."""

    home: House
    channels: ChannelSet
    url: str

    @property
    def accounts(self) -> set[str]:
        """Of Slack's, those that are served here now."""
        return {one.name for one in self.channels.open.accounts if one.channel == "slack"}

    async def installed(self) -> dict[str, int]:
        """The numbers of the installs that are kept, by their accounts."""
        rows: list[Any] = await self.home.rows(
            "SELECT name, number FROM installs JOIN accounts ON accounts.id = account_id"
        )
        return {row.name: row.number for row in rows}

    async def everything(self) -> str:
        """All that stands in the database, as text."""
        tables = await self.home.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        named = [f"SELECT to_jsonb(one)::text FROM {name} AS one" for (name,) in tables]
        return "".join([str(await self.home.rows(each)) for each in named])


@asynccontextmanager
async def slack_house(
    given: SlackSettings,
    database_url: str,
    redis_url: str,
    *,
    port: int = 0,
    password: str = "",
    settings: AssistantSettings = FAST,
    tokens_per_second: float = 2000.0,
    answer_tokens: int = 12,
    looks: bool = True,
) -> AsyncIterator[SlackHouse]:
    """`port`: where the gateway's pages are. `looks`: it sees by itself who came and left."""
    engine = ScriptedEngine(
        ScriptedSettings(tokens_per_second=tokens_per_second, answer_tokens=answer_tokens)
    )
    secret = SecretStr(password) if password else None
    everything = Settings.model_construct(slack=given)
    everything.admin = everything.admin.model_copy(update={"password": secret})
    async with AsyncExitStack() as stack:
        home = await stack.enter_async_context(house(database_url, redis_url, settings=settings))
        await stack.enter_async_context(working(home.worker(engine)))
        channels = ChannelSet(
            home.service.accounts, home.redis, home.service.lines, home.delivery.channels
        )
        assert await open_slack(everything, channels, stack)
        inbound = channels.connect(home.service, home.delivery.governor)
        app = FastAPI()
        for router in inbound.routers:
            app.include_router(router)
        safety = HttpSafety(host="127.0.0.1", session_secret=bytes(32), password=secret)
        url = await stack.enter_async_context(serving(secure(app, safety), port))
        for one in inbound.listeners:
            if one.name == "slack:installs" and not looks:
                continue
            await stack.enter_async_context(running(asyncio.create_task(one.run())))
        yield SlackHouse(home, channels, url)


@dataclass
class Answer:
    status: int
    location: str
    text: str
    cookies: list[str]


class Browser:
    """A person's: it keeps cookies for each path, and follows nowhere by itself."""

    def __init__(self) -> None:
        self._cookies: dict[str, tuple[str, str]] = {}

    async def get(self, address: str) -> Answer:
        return await self._ask("GET", address, None)

    async def post(self, address: str, **fields: str) -> Answer:
        return await self._ask("POST", address, fields)

    async def _ask(self, method: str, address: str, fields: dict[str, str] | None) -> Answer:
        path = urlsplit(address).path
        sent = [
            f"{name}={value}" for name, (value, of) in self._cookies.items() if path.startswith(of)
        ]
        headers = {"accept": "text/html"} | ({"cookie": "; ".join(sent)} if sent else {})
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.request(method, address, data=fields, headers=headers)
        given = answer.headers.get_list("set-cookie")
        for one in given:
            for name, morsel in SimpleCookie(one).items():
                self._cookies[name] = (morsel.value, morsel["path"] or "/")
        return Answer(answer.status_code, answer.headers.get("location", ""), answer.text, given)

    async def allowed(self, url: str, team: str) -> str:
        """Begin at our page and choose on Slack's; the address to which Slack sends us back."""
        begun = await self.get(f"{url}/slack/install")
        [onward] = re.findall(r'href="([^"]*/oauth/v2/authorize[^"]*)"', begun.text)
        there = urlsplit(unescape(onward))
        asked = {name: values[0] for name, values in parse_qs(there.query).items()}
        page = f"{there.scheme}://{there.netloc}{there.path}"
        return (await self.post(page, **asked, team=team)).location

    async def installs(self, url: str, team: str) -> str:
        """The whole way; what the last page is called."""
        told = await self.get(await self.allowed(url, team))
        assert told.status == 303, told.text
        return told.location.removeprefix("/slack/install/")
