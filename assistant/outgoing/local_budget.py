"""The budget of one account in one process, for one meter: as `budget.GRANT`, without Redis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from assistant.outgoing.budget import (
    ACTIVE,
    AGAIN,
    AHEAD,
    BAND,
    CHAT_BURST,
    KEPT,
    PATIENCE,
    SECOND,
    SPREAD,
    Call,
    Terms,
)


@dataclass(slots=True)
class Ticket:
    """A place in the queue for the account: the lowest first."""

    number: int
    kept_until: int


@dataclass(slots=True)
class LocalBudget:
    """`born`: what was granted before is not known, and counts as spent. Times in microseconds."""

    born: int
    _made: dict[int, int] = field(default_factory=dict, init=False)  # call → when, in a window
    _call: dict[str, int] = field(default_factory=dict, init=False)  # a chat's last one
    _due: dict[str, int] = field(default_factory=dict, init=False)
    _last: dict[str, int] = field(default_factory=dict, init=False)
    _active: dict[str, int] = field(default_factory=dict, init=False)
    _queue: dict[str, Ticket] = field(default_factory=dict, init=False)
    _numbers: int = field(default=0, init=False)

    def ask(self, chat: str, terms: Terms, now: int, call: Call = "other") -> int:
        """0 when granted (and charged), else the microseconds to wait."""
        self._active = {one: until for one, until in self._active.items() if until > now}
        self._stay(chat, now)
        self._made = {one: at for one, at in self._made.items() if at > now - terms.window}
        wait = self._chat_wait(chat, terms, now, call)
        if wait <= 0:
            wait = self._account_wait(chat, terms, now, call)
        if wait > 0:
            self._stay(chat, now + min(wait, AGAIN))
            return wait
        self._charge(chat, terms, now, call)
        return 0

    def done(self, chat: str, now: int) -> None:
        """The chat's last call was answered, so it has arrived by now."""
        if number := self._call.get(chat):
            self._made[number] = max(self._made.get(number, 0), now)

    def spend(self, chat: str, terms: Terms, now: int) -> None:
        """Another process had this chat: nothing is left of its burst."""
        self._due[chat] = now + terms.chat_interval * CHAT_BURST

    def _stay(self, chat: str, until: int) -> None:
        self._active[chat] = max(self._active.get(chat, 0), until + ACTIVE)

    def _chat_due(self, chat: str, terms: Terms, now: int) -> int:
        return max(self._due.get(chat, 0), self.born + terms.chat_interval * CHAT_BURST, now)

    def _chat_wait(self, chat: str, terms: Terms, now: int, call: Call) -> int:
        interval = terms.chat_interval
        room = CHAT_BURST - (0 if call == "final" else KEPT["chat"])
        wait = self._chat_due(chat, terms, now) + interval - now - interval * room
        spread = len(self._active) * terms.account_interval * SPREAD[0] // SPREAD[1]
        if call == "edit":
            busy = 2 * (len(self._made) + self._unknown(terms, now)) > terms.account_calls
            pace = max(terms.edit_interval, spread if busy and spread > interval else 0)
            wait = max(wait, self._last.get(chat, 0) + pace - now)
        return wait

    def _account_wait(self, chat: str, terms: Terms, now: int, call: Call) -> int:
        """Waiting draws a ticket, or keeps the one that is held."""
        self._queue = {one: held for one, held in self._queue.items() if held.kept_until > now}
        held = self._queue.get(chat)
        band = -AHEAD.get(call, 0)
        drawn = held is None or held.number >= band + BAND
        if held is None or drawn:
            held = Ticket(band + self._numbers + 1, now)
        ahead = sum(one.number < held.number for one in self._queue.values())
        room = terms.account_calls - (0 if call == "final" else terms.account_kept)
        wait = self._window_wait(terms, now, room - ahead)
        if wait > 0 and call != "now":
            self._numbers += drawn
            held.kept_until = now + wait + PATIENCE
            self._queue[chat] = held
        return wait

    def _unknown(self, terms: Terms, now: int) -> int:
        """What is not known was spent, and comes back evenly."""
        return max(-(-(self.born + terms.window - now) // terms.account_interval), 0)

    def _window_wait(self, terms: Terms, now: int, room: int) -> int:
        """Until the window holds fewer than `room` calls."""
        window, share, unknown = terms.window, terms.account_interval, self._unknown(terms, now)
        over = len(self._made) + unknown + 1 - room
        if over <= 0:
            return 0
        if over <= unknown:
            return self.born + window - share * (unknown - over) - now
        made, over = sorted(self._made.values()), over - unknown
        ends = made[min(over, len(made)) - 1] + window if made else now
        return max(ends + share * max(over - len(made), 0) - now, 1)

    def _charge(self, chat: str, terms: Terms, now: int, call: Call) -> None:
        self._queue.pop(chat, None)
        self._due[chat] = self._chat_due(chat, terms, now) + terms.chat_interval
        self._numbers += 1
        self._call[chat] = self._numbers
        self._made[self._numbers] = now
        if call in ("first", "edit"):
            self._last[chat] = now


@dataclass(slots=True)
class Closures:
    """The penalties that this process was told of. `clock` in seconds."""

    clock: Callable[[], float]
    _until: dict[str, float] = field(default_factory=dict, init=False)

    def close(self, name: str, seconds: float) -> None:
        now = self.clock()
        self._until = {one: until for one, until in self._until.items() if until > now}
        self._until[name] = max(self._until.get(name, 0.0), now + seconds)

    def seconds(self, *names: str) -> float:
        """How long the longest of these penalties still lasts; 0 without one."""
        return max(0.0, *(self._until.get(name, 0.0) - self.clock() for name in names))


def microseconds(seconds: float) -> int:
    return round(seconds * SECOND)
