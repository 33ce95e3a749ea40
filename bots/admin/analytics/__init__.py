"""Analytics: figures over time, by channel, persona and version; people in each month."""

from bots.admin.analytics.pages import analytics_pages

__all__ = ["analytics_pages"]
