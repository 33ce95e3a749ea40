"""The dashboard over real HTTP on a real Postgres, with an admin of each role signed in."""

from __future__ import annotations

import asyncio
import html
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from assistant.answering.persona_versions import PersonaVersions
from assistant.answering.personas import Personas
from assistant.insight.glance import Glances
from assistant.roles import ROLES, Role
from assistant.storage.admins import Admin, Admins
from assistant.storage.api_keys import ADMIN_SCOPES, ApiKeys, Scope
from assistant.storage.audit import Actor
from bots.admin.app import AdminParts, include_dashboard
from bots.admin.conversations import conversation_parts
from bots.admin.door import COOKIE, csrf_of
from bots.admin.operations.parts import OperationsParts
from bots.admin.passwords import hash_password
from bots.admin.traces.parts import trace_parts
from bots.admin.ways_in import SignInParts
from bots.api.keys import Access, Keyring
from bots.api.router import api_router
from bots.http.secure import secure
from bots.seal import Seal, new_key
from bots.web.router import web_router
from tests.support.chat_app import KEY, SAFETY
from tests.support.house import House, running
from tests.support.serving import serving

PASSWORD = "correct horse battery"
MOMENT = 1_800_000_000.0  # of `at_one_moment`
_HASH: list[str] = []  # argon2 is slow on purpose: once for all


@dataclass(slots=True)
class AdminHouse:
    """`clients` and `tokens` are by role; `keys` by scope. A client sends the form's token."""

    address: str
    app: FastAPI
    house: House
    admins: dict[Role, Admin]
    tokens: dict[Role, str]
    clients: dict[Role, httpx.AsyncClient]
    keys: dict[Scope, str] = field(default_factory=dict)

    async def get(self, role: Role, path: str, **options: object) -> httpx.Response:
        return await self.clients[role].get(path, **options)  # type: ignore[arg-type]

    async def post(
        self, role: Role, path: str, form: Mapping[str, str] | None = None
    ) -> httpx.Response:
        return await self.clients[role].post(path, data={**(form or {})})

    async def audited(self) -> list[tuple[str, str]]:
        """Action and target of each entry, oldest first, without signing in."""
        rows = await self.house.rows("SELECT action, target FROM audit_log ORDER BY id")
        return [(one[0], one[1]) for one in rows if not one[0].startswith("admin.sign")]


@asynccontextmanager
async def admin_house(
    house: House,
    parts: Callable[[AdminParts], AdminParts] = lambda given: given,
) -> AsyncIterator[AdminHouse]:
    """`parts`: puts others in the place of what the house would give."""
    async with AsyncExitStack() as stack:
        await house.rows("TRUNCATE admins, audit_log, api_keys CASCADE")
        stored = ApiKeys(house.database)
        access = Access(Keyring(KEY, stored))
        app = FastAPI(title="Outrider", version="0", docs_url=None, redoc_url=None)
        app.include_router(api_router(house.service, access))
        conversations = conversation_parts(house.service)
        may_read = conversations.reading.reader.may_read
        signin = SignInParts(house.redis, Seal([SecretStr(new_key())]))
        glances = Glances(house.database, house.signals, house.settings)
        await stack.enter_async_context(running(asyncio.create_task(glances.run())))
        made_of = AdminParts(
            database=house.database,
            access=access,
            clock=time.time,
            signin=signin,
            assistant=house.service,
            conversations=conversations,
            traces=trace_parts(house.service, house.experiments, may_read),
            live=house.live,
            personas=PersonaVersions(house.database, Personas(house.database, house.settings)),
            canned=house.canned,
            experiments=house.experiments,
            operations=OperationsParts.of(house.database, house.redis, house.signals, house.live),
            glances=glances,
        )
        include_dashboard(app, parts(made_of))
        app.include_router(web_router(house.service, house.settings))
        address = await stack.enter_async_context(serving(secure(app, SAFETY)))
        made = AdminHouse(address, app, house, {}, {}, {})
        for role in ROLES:
            await _sign_in(made, Admins(house.database), role, stack)
        for scope in ADMIN_SCOPES:
            _, made.keys[scope] = await stored.create(scope, scopes=[scope])
        yield made


def at_one_moment(given: AdminParts) -> AdminParts:
    """For `parts`: the pages' clock stands, so that no wait is over before it was looked at."""
    return replace(given, clock=lambda: MOMENT)


async def _sign_in(made: AdminHouse, admins: Admins, role: Role, stack: AsyncExitStack) -> None:
    if not _HASH:
        _HASH.append(await hash_password(PASSWORD))
    admin = await admins.create(f"the-{role}", role, _HASH[0])
    assert admin is not None
    actor = Actor("admin", admin.id, admin.name, "127.0.0.1")
    token = await admins.begin_session(admin.id, actor, "a test")
    client = httpx.AsyncClient(
        base_url=made.address,
        cookies={COOKIE: token},
        headers={"x-csrf-token": csrf_of(token)},
        timeout=20,
        verify=False,  # it is not encrypted here, and reading the world's authorities takes 20 ms
    )
    made.admins[role], made.tokens[role] = admin, token
    made.clients[role] = await stack.enter_async_context(client)


def seen(page: httpx.Response) -> str:
    """The page's text as somebody reads it: without tags, spaces as one."""
    body = re.sub(r"(?s)<(script|style|head).*?</\1>|<[^>]+>", " ", page.text)
    return " ".join(html.unescape(body).split())
