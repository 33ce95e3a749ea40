"""Figures for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from assistant.insight.choice import By, Period, chosen
from assistant.insight.figures import Figures, Line
from assistant.insight.latencies import Measure
from assistant.insight.monthly import LICENCE_LINE
from bots.admin.analytics.choosing import USUAL_DAYS
from bots.admin.api.door import api_router, scoped
from bots.api.keys import Access

_Name = Annotated[str, Query(max_length=64)]
_NUL = "\x00"


class Waited(BaseModel):
    """Seconds since the message came, by which half, 90 and 99 in 100 of the answers were there."""

    answers: int
    p50: float
    p90: float
    p99: float


class FigureLine(BaseModel):
    """`begins` is null for the whole span, `group` for all together.

    `people_a_day` is a mean; people in 30 days and in the calendar month are as of the period's
    last day, and null where a persona was chosen: there they are not counted.
    """

    begins: date | None
    group: str | None
    version: int | None
    people_a_day: float
    people_in_30_days: int | None
    people_in_month: int | None
    turns: int
    done: int
    stopped: int
    cancelled: int
    failed: int
    messages: int
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    thumbs_up: int
    thumbs_down: int
    waited: dict[Measure, Waited]


class FigurePage(BaseModel):
    """`missing_days` are over and not counted yet. `both` has a line for each period and group."""

    first: date
    last: date
    period: Period
    missing_days: int
    whole: FigureLine
    periods: list[FigureLine]
    groups: list[FigureLine]
    both: list[FigureLine]


class MonthlyPeople(BaseModel):
    begins: date
    until: date = Field(description="The last day that is counted in it.")
    people: int


class MonthlyPage(BaseModel):
    """`licence_line`: above so many people in a month the weights' licence asks for another one."""

    licence_line: int
    data: list[MonthlyPeople]


def figures_api(access: Access, figures: Figures) -> APIRouter:
    router = api_router()

    @router.get("/figures", dependencies=[scoped(access, "viewer")])
    async def figures_of_days(
        first: date | None = None,
        last: date | None = None,
        days: Annotated[int, Query(ge=1, le=3660)] = USUAL_DAYS,
        channel: _Name = "",
        persona: _Name = "",
        version: Annotated[int | None, Query(ge=0, lt=2**31)] = None,
        by: By = "",
    ) -> FigurePage:
        """People, messages, tokens, times and thumbs, by days, weeks or months of UTC."""
        known = await figures.standing()
        which: Mapping[str, object] = {
            "channel": channel.replace(_NUL, ""),
            "persona": persona.replace(_NUL, ""),
            "version": version if persona else None,
            "by": by,
        }
        report = await figures.report(chosen(first, last, days, known.today, **which), known)
        return FigurePage(
            first=report.choice.first,
            last=report.choice.last,
            period=report.choice.period,
            missing_days=known.missing,
            whole=_line(report.whole),
            periods=[_line(one) for one in report.periods],
            groups=[_line(one) for one in report.groups],
            both=[_line(one) for one in report.both],
        )

    @router.get("/figures/months", dependencies=[scoped(access, "viewer")])
    async def people_of_months() -> MonthlyPage:
        """Active people in each calendar month, oldest first; the last is the one that runs."""
        found = await figures.months(await figures.standing())
        months = [
            MonthlyPeople(begins=one.begins, until=one.until, people=one.people) for one in found
        ]
        return MonthlyPage(licence_line=LICENCE_LINE, data=months)

    return router


def _line(line: Line) -> FigureLine:
    return FigureLine(
        begins=line.period,
        group=line.group.name or None,
        version=None if line.group.version < 0 else line.group.version,
        people_a_day=line.people.a_day,
        people_in_30_days=line.people.in_30_days,
        people_in_month=line.people.in_month,
        turns=line.counts.turns,
        waited={name: Waited(**asdict(one)) for name, one in line.latencies.items()},
        **asdict(line.counts),
    )
