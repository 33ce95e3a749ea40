"""The dashboard is whole: Grafana takes it as it is, and every panel asks the chosen source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

DASHBOARD = Path(__file__).parents[3] / "deploy" / "grafana" / "outrider.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    return json.loads(DASHBOARD.read_text())


def test_it_has_what_an_import_needs(dashboard: dict[str, Any]) -> None:
    needed = {"uid", "title", "schemaVersion", "version", "time", "templating", "panels", "tags"}
    assert needed <= dashboard.keys()
    variables = {one["name"]: one["type"] for one in dashboard["templating"]["list"]}
    assert variables == {"datasource": "datasource", "profile": "query"}


def test_ids_are_unique_and_no_two_panels_overlap(dashboard: dict[str, Any]) -> None:
    ids = [one["id"] for one in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    places: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & places, panel["title"]
        places |= cells


def test_its_rows_are_people_engine_and_deliveries(dashboard: dict[str, Any]) -> None:
    rows = [one["title"] for one in dashboard["panels"] if one["type"] == "row"]
    assert rows == ["People", "Engine", "Deliveries"]


def test_every_panel_says_what_it_shows_and_asks_the_chosen_source(
    dashboard: dict[str, Any],
) -> None:
    for panel in dashboard["panels"]:
        assert panel["datasource"] == SOURCE, panel["title"]
        if panel["type"] == "row":
            continue
        assert panel["title"] and panel["description"] and panel["fieldConfig"]["defaults"]["unit"]
        assert [one["refId"] for one in panel["targets"]] == list("ABC"[: len(panel["targets"])])
        for target in panel["targets"]:
            assert target["datasource"] == SOURCE
            assert target["expr"] and target["legendFormat"]
