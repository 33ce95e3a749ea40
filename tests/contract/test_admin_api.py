"""The dashboard's JSON API against its own OpenAPI document, whatever is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    positive_data_acceptance,
    unsupported_method,
    use_after_free,
)

from bots.admin.app import demands
from bots.api.keys import Entrance
from tests.contract.test_admin_routes import flat
from tests.support.admin_house import AdminHouse, admin_house
from tests.support.house import house

EXAMPLES = 12


@pytest_asyncio.fixture
async def admin(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with house(database_url, redis_url) as lived, admin_house(lived) as made:
        yield made


async def test_each_endpoint_answers_as_its_document_says(admin: AdminHouse) -> None:
    called = await asyncio.to_thread(_call_all, admin)
    assert called == {f"{method} {path}" for method, path in _endpoints(admin)}
    assert len(called) > 0


def _endpoints(admin: AdminHouse) -> dict[tuple[str, str], str]:
    """Each with the scope that it asks for."""
    return {
        (method, route.path): demand.scope
        for route in flat(admin.app.routes)
        if route.path.startswith("/v1/admin")
        for method in route.methods
        for demand in demands(route.dependant)
        if isinstance(demand, Entrance)
    }


def _call_all(admin: AdminHouse) -> set[str]:
    schema = schemathesis.openapi.from_url(f"{admin.address}/openapi.json")
    scopes, called = _endpoints(admin), set()
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.startswith("/v1/admin"):
            called.add(operation.label)
            scope = scopes[operation.method.upper(), operation.path]
            _fuzz(operation, admin.keys[scope])
    return called


def _fuzz(operation, key: str) -> None:  # type: ignore[no-untyped-def]
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def run(case) -> None:  # type: ignore[no-untyped-def]
        case.call_and_validate(
            headers={"authorization": f"Bearer {key}"},
            # What is well-formed may still be of nothing that there is.
            excluded_checks=[
                ignored_auth,
                use_after_free,
                positive_data_acceptance,
                unsupported_method,
            ],
            timeout=20,
        )

    run()
