"""The tables. Postgres is the truth: what stands here survives everything else.

Text ids are the platforms' own; bigint ids are ours. Times are the database's clock.
"""

from assistant.storage.tables import (
    conversations,
    dashboard,
    deliveries,
    figures,
    people,
    turns,
)
from assistant.storage.tables.columns import metadata

__all__ = ["conversations", "dashboard", "deliveries", "figures", "metadata", "people", "turns"]
