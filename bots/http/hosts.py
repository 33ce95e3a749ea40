"""Which names this server answers to.

A page of a stranger can point its own name at 127.0.0.1 (DNS rebinding) and would then be of "the
same origin" as ours; the Host header still carries the stranger's name, so it is checked.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_PORT = re.compile(r":[0-9]{1,5}")  # int() raises for a number of thousands of digits


def split_host(header: str) -> tuple[str, int | None] | None:
    """Take a Host header apart into a lower-case name and a port; None where it is malformed."""
    header = header.strip().lower()
    if header.startswith("["):
        name, bracket, rest = header[1:].partition("]")
        if not bracket:
            return None
    else:
        name, colon, port = header.partition(":")
        rest = colon + port
    if rest and not _PORT.fullmatch(rest):
        return None
    name = name.rstrip(".")
    if not name or any(c in "/@\\ " for c in name):
        return None
    return name, int(rest[1:]) if rest else None


def is_loopback(name: str) -> bool:
    """Whether only this machine can reach the name."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and address.is_loopback


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Loopback names, the address listened on, and the names that the settings add.

    Where other machines may connect, their users type an address as often as a name; no one
    can rebind an address, so any address passes there.
    """

    listening_on: str
    names: tuple[str, ...] = ()

    def allow(self, header: str) -> bool:
        split = split_host(header)
        if split is None:
            return False
        name = split[0]
        if is_loopback(name) or name == self.listening_on.lower():
            return True
        if not is_loopback(self.listening_on) and _address(name) is not None:
            return True
        return any(_matches(name, allowed.lower()) for allowed in self.names)


def _matches(name: str, allowed: str) -> bool:
    if allowed.startswith("*."):
        return name.endswith(allowed[1:])
    return name == allowed


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
