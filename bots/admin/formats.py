"""Numbers, spans and moments as the language writes them: functions of the templates."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_compact_decimal, format_decimal, format_percent
from markupsafe import Markup, escape

NONE = "–"


class Formats:
    """None is shown as a dash, everywhere."""

    def __init__(self, locale: Locale) -> None:
        self._locale = locale

    def number(self, value: float | None, digits: int = 0) -> str:
        if value is None:
            return NONE
        return format_decimal(round(value, digits), locale=self._locale)

    def compact(self, value: float | None) -> str:
        """`12,300,000` as `12M`: where it is about the size."""
        if value is None:
            return NONE
        return format_compact_decimal(value, locale=self._locale, fraction_digits=1)

    def percent(self, share: float | None, digits: int = 0) -> str:
        """Of a share between 0 and 1."""
        if share is None:
            return NONE
        pattern = "0." + "0" * digits + "%" if digits else "0%"
        return format_percent(share, format=pattern, locale=self._locale)

    def seconds(self, value: float | None) -> str:
        """A span as people read it: `320 ms`, `1.4 s`, `2 min 5 s`, `3 h 12 min`."""
        if value is None:
            return NONE
        if abs(value) < 0.9995:
            return f"{self.number(value * 1000)} ms"
        if abs(value) < 59.95:
            return f"{self.number(value, 1)} s"
        minutes, seconds = divmod(round(value), 60)
        if minutes < 60:
            return f"{minutes} min {seconds} s"
        return f"{minutes // 60} h {minutes % 60} min"

    def bytes(self, value: int | None) -> str:
        if value is None:
            return NONE
        size, unit = float(value), "B"
        for larger in ("kB", "MB", "GB", "TB"):
            if size < 1000:
                break
            size, unit = size / 1000, larger
        return f"{self.number(size, 0 if unit == 'B' else 1)} {unit}"

    def moment(self, value: datetime | None) -> Markup | str:
        """An instant, in UTC; `admin.js` shows it in the reader's own time zone."""
        if value is None:
            return NONE
        at = value.astimezone(UTC)
        shown = format_datetime(at, "short", tzinfo=UTC, locale=self._locale)
        return Markup('<time datetime="{}" data-moment>{}</time>').format(
            at.isoformat(), escape(shown)
        )

    def ago(self, seconds: float | None) -> str:
        """How long ago, given the age in seconds."""
        if seconds is None:
            return NONE
        return format_timedelta(
            timedelta(seconds=-seconds), add_direction=True, locale=self._locale
        )

    def day(self, value: date | None) -> str:
        return NONE if value is None else format_date(value, "medium", locale=self._locale)


FORMATS = ("number", "compact", "percent", "seconds", "bytes", "moment", "ago", "day")
