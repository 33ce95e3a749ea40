"""Fixtures that several kinds of tests share: real servers, once per run."""

from __future__ import annotations

from hypothesis import settings

from tests.support.demo import demo_data_dir, dense_original
from tests.support.servers import database_url, redis_url, servers

__all__ = ["database_url", "demo_data_dir", "dense_original", "redis_url", "servers"]

# A property that takes long on a busy machine holds all the same.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
