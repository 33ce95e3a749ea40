"""People and access: who they are, who may talk, and how much."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from assistant.incoming.admittance import Admittance
from assistant.incoming.quota_rules import QuotaRules
from assistant.incoming.spending import Spending
from assistant.insight.doors import Doors
from assistant.insight.people import People
from assistant.insight.quota_list import QuotaList
from assistant.storage.database import Database
from bots.admin.api.people import PeopleApi
from bots.admin.api.quotas import QuotaApi
from bots.admin.people.access import AccessPages
from bots.admin.people.people import PeoplePages, Stop
from bots.admin.people.quotas import QuotaPages
from bots.admin.shell import Shell
from bots.api.keys import Access


def people_pages(
    shell: Shell, database: Database, stop: Stop, clock: Callable[[], float]
) -> tuple[APIRouter, ...]:
    """`stop` ends a turn. `clock` gives Unix seconds."""
    quotas, rules, admittance = QuotaList(database), QuotaRules(database), Admittance(database)
    # Before the page of one person, whose address would take theirs.
    return (
        AccessPages(shell, Doors(database), admittance).router(),
        QuotaPages(shell, quotas, rules).router(),
        PeoplePages(
            shell=shell,
            people=People(database),
            quotas=quotas,
            rules=rules,
            spending=Spending(database),
            admittance=admittance,
            stop=stop,
            clock=clock,
        ).router(),
    )


def people_api(access: Access, database: Database) -> tuple[APIRouter, ...]:
    return (
        PeopleApi(access, People(database), Doors(database), Admittance(database)).router(),
        QuotaApi(access, QuotaList(database), QuotaRules(database)).router(),
    )
