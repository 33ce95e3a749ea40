"""The addresses of Postgres and Redis as people set them, read as those read them who use them.

What their libraries say of a wrong one may show a piece of its password, and comes late: so each
is read once with the settings. ValueErrors of this module hold no part of an address. The libraries
are slow to import, and mostly no address is set: so they come with the first.
"""

from __future__ import annotations

import re

_REDIS = {
    "redis": "redis://user:password@host:6379/0",
    "rediss": "rediss://user:password@host:6379/0",
    "unix": "unix://user:password@/path/of/the.sock",
}
_END_OF_HOST = re.compile("[/?#]")
_SPELLING = (
    "a sign of the password that means something in an address is written by its number, as %23 "
    "for #, %2F for /, %40 for @ and %25 for %"
)


def postgres_url(url: str) -> str:
    """With the scheme that all take. Raises ValueError."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
    from sqlalchemy.exc import ArgumentError

    from assistant.storage.database import conninfo

    scheme, _, rest = url.strip().partition("://")
    if scheme not in ("postgresql", "postgres"):
        raise ValueError("must begin with postgresql://")
    url = f"postgresql://{rest}"
    try:
        parts = conninfo_to_dict(conninfo(url))
    except (ValueError, ArgumentError, psycopg.Error):
        parts = None
    if parts is None or "@" in str(parts.get("host", "")):
        raise ValueError(f"must be as postgresql://user:password@host:5432/database; {_SPELLING}")
    return url


def redis_url(url: str) -> str:
    """Raises ValueError."""
    from redis.asyncio import BlockingConnectionPool
    from redis.exceptions import RedisError

    url = url.strip()
    scheme, _, rest = url.partition("://")
    if scheme not in _REDIS:
        raise ValueError("must begin with redis://, rediss:// or unix://")
    # A sign that ends the host makes a path of what follows, and the host another's.
    behind = _END_OF_HOST.split(rest, maxsplit=1)[1:] if scheme != "unix" else []
    sound = "#" not in rest and not any("@" in one for one in behind)
    try:
        pool = BlockingConnectionPool.from_url(url)
        pool.connection_class(**pool.connection_kwargs)
    except (ValueError, TypeError, RedisError):
        sound = False
    if not sound:
        raise ValueError(f"must be as {_REDIS[scheme]}; {_SPELLING}")
    return url
