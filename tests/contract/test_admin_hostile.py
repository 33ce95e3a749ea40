"""What people wrote, called themselves and sent is data on every page: no markup, script or SQL.

Each page of the route table is asked for, over a database in which every text that comes from
outside is hostile.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bots.admin.app import demands
from tests.contract.test_admin_routes import flat
from tests.support.admin_house import AdminHouse, admin_house
from tests.support.house import house, until, working
from tests.support.orders import quick

CORPUS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "' onmouseover='alert(3)",
    "</textarea></title><svg/onload=alert(4)>",
    '[link](javascript:alert(5)) ![x](x"onerror="alert(6))',
    "{{7331*7331}} {% raw %} ${7331*7331}",
    "\u202egnp.exe 🧨🧨🧨",
)
EVIL = " ".join(CORPUS)
# Markup that only an unescaped text makes.
BROKEN_OUT = re.compile(
    r"<script>alert|<img[^>]+onerror|<svg/onload|<[a-z]+[^<>]*\sonmouseover=|href=.?javascript:|"
    "53743561",
    re.IGNORECASE,
)


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived) as made:
        yield made


async def lived_in(admin: AdminHouse) -> dict[str, str]:
    """A question and its answer, with hostile texts wherever one is stored; ids for addresses."""
    async with working(admin.house.worker(quick())):
        accepted = await admin.house.say(EVIL, sender_name=EVIL[:60])
        await admin.house.answer(accepted.turn_id)

        async def delivered() -> object:
            return await admin.house.rows("SELECT 1 FROM deliveries WHERE state = 'done'")

        await until(delivered)
    columns = await admin.house.rows(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'text' AND (table_name, column_name) IN ("
        " ('persons', 'name'), ('identities', 'name'), ('messages', 'text'), ('turns', 'reply'),"
        " ('turns', 'error'), ('turns', 'error_code'), ('attempts', 'error'),"
        " ('deliveries', 'error'), ('attachments', 'name'), ('attempts', 'worker'))"
    )
    for table, column in columns:
        await admin.house.rows(f'UPDATE {table} SET "{column}" = %(evil)s', {"evil": EVIL})
    ((turn, conversation, person),) = await admin.house.rows(
        "SELECT id, conversation_id, person_id FROM turns"
    )
    return {
        "turn_id": str(turn),
        "conversation_id": str(conversation),
        "person_id": str(person),
        "account_id": "1",
    }


async def test_hostile_texts_stay_text_on_every_page(admin: AdminHouse) -> None:
    ids = await lived_in(admin)
    broken: list[str] = []
    for route in flat(admin.app.routes):
        streams = route.path.endswith("/live") or "{path:path}" in route.path
        if "GET" not in route.methods or streams or not list(demands(route.dependant)):
            continue
        if not route.path.startswith("/admin"):
            continue
        path = re.sub(r"{(\w+)}", lambda one: ids.get(one[1], "1"), route.path)
        page = await admin.get("admin", path)
        if page.status_code >= 500:
            broken.append(f"{path}: {page.status_code}")
        if page.headers.get("content-type", "").startswith("text/html"):
            broken += [f"{path}: {one.group()[:60]}" for one in BROKEN_OUT.finditer(page.text)]
    assert broken == []


@pytest.mark.parametrize(
    "given", ["'; DROP TABLE persons; --", "%", "\\", "a" * 5000, "\x00", "🧨"]
)
async def test_what_is_searched_for_is_no_sql_and_breaks_nothing(
    admin: AdminHouse, given: str
) -> None:
    for route in flat(admin.app.routes):
        if "GET" not in route.methods or not route.path.startswith(("/admin", "/v1/admin")):
            continue
        names = [one.name for one in route.dependant.query_params]
        if not names or route.path.endswith("/live"):
            continue
        head = {"authorization": f"Bearer {admin.keys['admin.view']}"}
        path = re.sub(r"{[^}]+}", "1", route.path)
        for name in names:
            page = await admin.clients["admin"].get(path, params={name: given}, headers=head)
            assert page.status_code < 500, f"{path}?{name}={given!r}"
