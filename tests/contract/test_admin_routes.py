"""Each route of the dashboard, in each role: generated from the route table, so that a new one
can't be forgotten."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter
from fastapi.routing import APIRoute

from assistant.roles import ROLES
from assistant.storage.api_keys import ADMIN_SCOPES
from bots.admin.app import OPEN, demands, refuse_open_routes
from bots.admin.door import Needs
from tests.support.admin_house import AdminHouse, admin_house
from tests.support.house import house

Route = tuple[str, str, str]  # method, path, and the role or scope that it asks for
SIGN_OUT = "/admin/logout"  # ends what the others are tried with


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived) as made:
        yield made


def _routes(admin: AdminHouse, prefix: str) -> Iterator[Route]:
    for route in flat(admin.app.routes):
        inside = route.path == prefix or route.path.startswith(prefix + "/")
        if inside and route.path != SIGN_OUT:
            for demand in demands(route.dependant):
                asked = demand.role if isinstance(demand, Needs) else demand.scope
                for method in sorted(route.methods):
                    yield method, route.path, asked


def flat(routes: Sequence[object]) -> Iterator[APIRoute]:
    return (route for route in routes if isinstance(route, APIRoute))


def filled(path: str) -> str:
    """An address of nothing that there is."""
    return re.sub(r"{[^}]+}", "987654321", path)


async def test_each_page_lets_in_its_role_and_those_above_and_no_other(admin: AdminHouse) -> None:
    routes = list(_routes(admin, "/admin"))
    assert len(routes) > 5
    wrong = []
    for method, path, asked in routes:
        for role in ROLES:
            answer = await call(admin.clients[role], method, filled(path))
            refused = answer.status_code == 403
            if refused == (ROLES.index(role) >= ROLES.index(asked)):
                wrong.append(f"{role} {method} {path}: {answer.status_code}")
            if answer.status_code >= 500:
                wrong.append(f"{role} {method} {path}: {answer.status_code}")
    assert wrong == []


async def test_who_has_not_signed_in_is_led_there_from_each_page_and_changes_nothing(
    admin: AdminHouse,
) -> None:
    async with httpx.AsyncClient(base_url=admin.address) as stranger:
        for method, path, _ in _routes(admin, "/admin"):
            answer = await call(stranger, method, filled(path))
            assert answer.status_code == 303, f"{method} {path}"
            assert answer.headers["location"].startswith("/admin/login?next=")
    assert await admin.audited() == []


async def test_each_change_needs_the_token_of_the_form(admin: AdminHouse) -> None:
    token = admin.tokens["admin"]
    async with httpx.AsyncClient(
        base_url=admin.address, cookies={"outrider_admin": token}
    ) as forged:
        for method, path, _ in _routes(admin, "/admin"):
            if method == "GET":
                continue
            for given in ({}, {"csrf": "0" * 64}):
                answer = await forged.request(method, filled(path), data=given)
                assert answer.status_code == 403, f"{method} {path}"
                assert "earlier sign-in" in answer.text
    assert await admin.audited() == []


async def test_each_endpoint_takes_a_key_of_its_scope_and_no_other(admin: AdminHouse) -> None:
    routes = list(_routes(admin, "/v1/admin"))
    assert routes
    async with httpx.AsyncClient(base_url=admin.address) as program:
        for method, path, asked in routes:
            for scope in ADMIN_SCOPES:
                head = {"authorization": f"Bearer {admin.keys[scope]}"}
                answer = await program.request(method, filled(path), headers=head)
                assert (answer.status_code == 403) == (scope != asked), f"{scope} {method} {path}"
            for head in (
                {},
                {"authorization": "Bearer sk-test-key"},
                {"authorization": "Bearer x"},
            ):
                answer = await program.request(method, filled(path), headers=head)
                assert answer.status_code in (401, 403), f"{method} {path}"


async def test_what_stands_open_is_the_sign_in_alone(admin: AdminHouse) -> None:
    found = {
        route.path
        for route in flat(admin.app.routes)
        if route.path.startswith(("/admin", "/v1/admin")) and not list(demands(route.dependant))
    }
    assert found <= OPEN and "/admin/login" in found


async def test_a_route_that_says_no_role_is_refused() -> None:
    router = APIRouter(prefix="/admin")

    @router.get("/forgotten")
    async def forgotten() -> str:
        return "all of it"

    with pytest.raises(RuntimeError, match="says no role"):
        refuse_open_routes(router.routes)


async def call(client: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
    """Streams are only begun."""
    async with client.stream(method, path) as answer:
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            await answer.aread()
        return answer
