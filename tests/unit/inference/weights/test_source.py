from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inference.errors import ModelNotFound
from inference.profiles import profile_named
from inference.weights.source import Folder, OnHub, Recipe, source_of

SCOUT, DEMO = profile_named("scout"), profile_named("demo")


def test_a_profile_names_a_model_on_the_hub_or_how_it_is_made():
    assert source_of(SCOUT) == OnHub(str(SCOUT.model))
    assert source_of(DEMO) == Recipe("smollm2-recast")


def test_the_settings_model_goes_before_the_profiles_and_its_revision(tmp_path):
    pinned = replace(SCOUT, revision="v1")
    assert source_of(pinned) == OnHub(str(SCOUT.model), "v1")
    assert source_of(pinned, "org/other") == OnHub("org/other")
    (tmp_path / "config.json").write_text("{}")
    assert source_of(DEMO, str(tmp_path)) == Folder(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelNotFound, match="OUTRIDER_ENGINE__MODEL"):
        source_of(SCOUT, str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "name", ["scout", "a/b/c", "a/..", "../a", "a/b c", "-a/b", "a/b?c", ".a/b"]
)
def test_what_is_neither_a_folder_nor_a_name_is_refused(name):
    with pytest.raises(ModelNotFound, match="OUTRIDER_ENGINE__MODEL"):
        source_of(SCOUT, name)


def test_a_revision_is_no_path():
    with pytest.raises(ModelNotFound, match="revision"):
        source_of(replace(SCOUT, revision="../../x"))


def test_a_fetched_models_folder_has_the_models_name():
    assert OnHub("org/name").folder(Path("/d")) == Path("/d/models/org/name")
    assert OnHub("org/name", "v1").folder(Path("/d")) == Path("/d/models/org/name@v1")
