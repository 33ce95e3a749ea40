"""Which addresses Telegram takes for a link: it refuses a whole message for one that it doesn't."""

from __future__ import annotations

import re

_LONGEST = 2048
# As the servers check it: a host with a dot and of plain characters, a port that exists. Who
# signs in with the address (`user@host`) is not linked: it is how people are led astray.
_WEB = re.compile(
    r"https?://(?P<host>[\w\-]+(?:\.[\w\-]+)+\.?)(?::0*(?P<port>[1-9]\d{0,4}))?(?:[/?#]\S*)?",
    re.IGNORECASE,
)
# `tg://user?id=` is a mention, and refused for who is unknown to the bot.
_APP = re.compile(r"tg://(?!user(?:[/?#]|$))[a-z0-9_\-]+(?:[/?]\S*)?", re.IGNORECASE)


def may_link(address: str) -> bool:
    if len(address) > _LONGEST:
        return False
    web = _WEB.fullmatch(address)
    if web:
        return int(web["port"] or 80) <= 65_535
    return _APP.fullmatch(address) is not None
