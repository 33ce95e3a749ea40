"""Whether a request that changes something comes from a page of ours (against CSRF)."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from bots.http.hosts import split_host

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_same_origin(method: str, headers: Headers) -> bool:
    """True for safe methods, for requests of our own pages, and for clients that are no browser.

    A proxy may have ended TLS before us, so the scheme is not compared; name and port are.
    """
    if method in _SAFE_METHODS:
        return True
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    return _points_at(origin, headers.get("host", ""))


def _points_at(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return False
    default = _DEFAULT_PORTS.get(parts.scheme)
    ours = split_host(host)
    if default is None or parts.hostname is None or ours is None:
        return False
    return (parts.hostname, port or default) == (ours[0], ours[1] or default)
