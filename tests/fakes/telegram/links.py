"""Which links Telegram takes in a text or on a button. As in tdlib's LinkManager.cpp."""

from __future__ import annotations

import re

from tests.fakes.telegram.refusals import bad_request

_HOST = re.compile(r"(?:[\w.\-!$,~*'();&+=\u0080-\U0010ffff]|%[0-9a-fA-F]{2})+")
_OWN = re.compile(r"(?:tg|ton|tonsite):(?://)?", re.IGNORECASE)


def checked_link(url: str) -> None:
    """Raises Refused, also for a host without a dot: localhost."""
    if trouble := _trouble(url):
        raise bad_request(f"entity URL '{url}' is invalid: {trouble}")


def acceptable_link(url: str) -> bool:
    return not _trouble(url)


def _trouble(url: str) -> str:
    own = _OWN.match(url)
    rest = url[own.end() :] if own else url
    scheme = re.match(r"[^:/?#@\[\]]*", rest)
    name = scheme[0].lower() if scheme else ""
    if rest[len(name) :].startswith("://"):
        if name not in ("http", "https"):
            return "Unsupported URL protocol"
        rest = rest[len(name) + 3 :]
    place = re.split(r"[/?#]", rest, maxsplit=1)[0]
    host, colon, port = place.rpartition(":")
    if colon and not place.endswith("]") and "@" not in port:
        if not port.isdigit() or not 0 < int(port) < 65_536:
            return "Wrong port number specified in the URL"
    else:
        host = place
    return _host_trouble(host.rpartition("@")[2], own is not None)


def _host_trouble(host: str, own: bool) -> str:
    if not host:
        return "URL host is empty"
    if host.startswith("[") and host.endswith("]"):
        return ""
    if not _HOST.fullmatch(host):
        return "Disallowed character in URL host"
    return "" if own or "." in host else "Wrong HTTP URL"
