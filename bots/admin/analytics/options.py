"""What there is to choose from on the page: pairs of a value and what people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from assistant.insight.choice import By
from assistant.insight.figures import Report
from assistant.insight.group import Group
from bots.admin.analytics.choosing import Asked
from bots.admin.analytics.drawing import group_name
from bots.admin.words import Words

Options = Sequence[tuple[str, str]]


def options(report: Report, asked: Asked, words: Words) -> Mapping[str, Options]:
    """Of each field. What was chosen is always there, also where the span has nothing of it."""
    channels = sorted({channel for channel, _, _ in report.known} | {asked.channel} - {""})
    return {
        "channels": [("", words("analytics.every")), *((one, one) for one in channels)],
        "personas": _personas(report, asked, words),
        "groupings": [(one, words(f"analytics.by_{one or 'nothing'}")) for one in get_args(By)],
    }


def _personas(report: Report, asked: Asked, words: Words) -> Options:
    """Each persona, and below it each of its versions."""
    versions = {(persona, version) for _, persona, version in report.known if version > 0}
    personas = {(persona, -1) for _, persona, _ in report.known}
    named = [
        (name if version < 0 else f"{name}@{version}", group_name(Group(name, version), words))
        for name, version in sorted(personas | versions)
    ]
    if asked.persona and asked.persona not in dict(named):
        named.append((asked.persona, asked.persona))
    return [("", words("analytics.every")), *named]
