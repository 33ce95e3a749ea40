from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from inference.errors import LicenceNotAccepted
from inference.profiles import profile_named
from inference.weights.licence import FILE, is_accepted, require_licence, write_acceptance
from inference.weights.source import Folder, OnHub, source_of

SCOUT = profile_named("scout")
AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def test_weights_are_not_fetched_before_their_licence_is_accepted_and_once_is_enough(tmp_path):
    source = source_of(SCOUT)
    with pytest.raises(LicenceNotAccepted) as refused:
        require_licence(SCOUT, source, tmp_path / "data")
    assert "Llama 4 Community License" in str(refused.value)
    assert "https://www.llama.com/llama4/license/" in str(refused.value)
    assert "'outrider licence accept scout'" in str(refused.value)
    assert not (tmp_path / "data").exists()
    assert SCOUT.licence is not None
    write_acceptance(SCOUT.licence, tmp_path / "data", "somebody", AT)
    require_licence(SCOUT, source, tmp_path / "data")
    require_licence(
        profile_named("maverick"), source_of(profile_named("maverick")), tmp_path / "data"
    )


def test_who_accepted_and_when_is_kept_once(tmp_path):
    assert SCOUT.licence is not None
    for name in ("first", "second"):
        write_acceptance(SCOUT.licence, tmp_path / "data", name, AT)
    (kept,) = json.loads((tmp_path / "data" / FILE).read_text())
    assert (kept["by"], kept["at"]) == ("first", "2026-05-04T03:02:01+00:00")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_licence_that_moved_is_asked_about_anew(tmp_path):
    assert SCOUT.licence is not None
    write_acceptance(SCOUT.licence, tmp_path, "somebody", AT)
    assert not is_accepted(replace(SCOUT.licence, url="https://example.org/2"), tmp_path)


def test_a_folder_of_ones_own_and_a_profile_without_a_licence_ask_nothing(tmp_path):
    require_licence(SCOUT, Folder(tmp_path), tmp_path)
    require_licence(replace(SCOUT, licence=None), OnHub("a/b"), tmp_path)


def test_a_record_that_can_not_be_read_is_no_acceptance(tmp_path):
    (tmp_path / FILE).write_text("{")
    with pytest.raises(LicenceNotAccepted, match="mend it or remove it"):
        require_licence(SCOUT, source_of(SCOUT), tmp_path)
