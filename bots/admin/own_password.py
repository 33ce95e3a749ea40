"""Asking who is signed in for their password again, before what a found browser must not do."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.storage.admins import Admins
from bots.admin.door import SignedIn
from bots.admin.passwords import PasswordDesk, TooBusy
from bots.http.throttle import Throttle


@dataclass(frozen=True, slots=True)
class OwnPassword:
    admins: Admins
    desk: PasswordDesk
    throttle: Throttle

    async def fault(self, me: SignedIn, given: str) -> str:
        """What is wrong with it, as the key of a word; empty where it is right."""
        key = f"own:{me.admin.id}"
        if self.throttle.wait_seconds(key) > 0:
            return "me.too_many"
        self.throttle.failed(key)
        found = await self.admins.find(me.admin.name)
        try:
            right = found is not None and await self.desk.verify(found[1], given)
        except TooBusy:
            return "signin.busy"
        if not right:
            return "me.not_the_current"
        self.throttle.succeeded(key)
        return ""
