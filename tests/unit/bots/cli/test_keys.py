"""What `outrider keys` makes of its options, and says of a key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from assistant.errors import KeyRefused
from assistant.storage.api_keys import ApiKey
from bots.cli.keys import _state, expiry

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_a_key_ends_after_days_or_with_a_day() -> None:
    assert expiry("90d", NOW) == NOW + timedelta(days=90)
    assert expiry("2026-05-01", NOW) == datetime(2026, 5, 2, tzinfo=UTC)


@pytest.mark.parametrize("given", ["soon", "0d", "2026-04-30", "2026-13-01", "9999-12-31"])
def test_what_is_no_end_is_refused_in_a_sentence(given: str) -> None:
    with pytest.raises(KeyRefused, match=given):
        expiry(given, NOW)


def test_a_background_key_that_ends_is_still_shown_as_one() -> None:
    key = ApiKey(1, "nightly", background=True, expires_at=NOW)
    assert _state(key, NOW - timedelta(days=1)).startswith("background until 2026-05-01")
    assert _state(key, NOW).startswith("expired 2026-05-01")
