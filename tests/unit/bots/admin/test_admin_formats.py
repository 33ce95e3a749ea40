"""Numbers and spans as people read them, in their language."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from babel import Locale

from bots.admin.formats import Formats

ENGLISH, GERMAN = Formats(Locale("en")), Formats(Locale("de"))


@pytest.mark.parametrize(
    ("value", "english", "german"),
    [
        (None, "–", "–"),
        (0.0324, "32 ms", "32 ms"),
        (0.9996, "1 s", "1 s"),
        (1.44, "1.4 s", "1,4 s"),
        (59.97, "1 min 0 s", "1 min 0 s"),
        (3725, "1 h 2 min", "1 h 2 min"),
    ],
)
def test_a_span_has_the_unit_that_it_is_read_in(
    value: float | None, english: str, german: str
) -> None:
    assert (ENGLISH.seconds(value), GERMAN.seconds(value)) == (english, german)


def test_numbers_are_grouped_as_the_language_does_it() -> None:
    assert (ENGLISH.number(12345.6), GERMAN.number(12345.6, 1)) == ("12,346", "12.345,6")
    assert (ENGLISH.compact(12_300_000), ENGLISH.percent(0.125, 1)) == ("12.3M", "12.5%")
    assert (ENGLISH.bytes(999), ENGLISH.bytes(1_530_000)) == ("999 B", "1.5 MB")


def test_a_moment_carries_its_instant_for_the_readers_own_clock() -> None:
    shown = ENGLISH.moment(datetime(2026, 3, 1, 20, 0, tzinfo=UTC))
    assert '<time datetime="2026-03-01T20:00:00+00:00" data-moment>' in shown
