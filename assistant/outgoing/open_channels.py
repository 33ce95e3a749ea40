"""The channels that are open now: they come and go while Outrider runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from assistant.accounts import Account
from assistant.channel import Channel
from assistant.messages import ChatRef


@dataclass(frozen=True, slots=True)
class OpenChannels:
    """One of each account. What is closed is forgotten at once: a reply that is just being shown
    there goes on with the channel that it has, and fails with that one's calls."""

    _open: dict[tuple[str, str], tuple[Channel, Account]] = field(default_factory=dict, init=False)

    def open(self, channel: Channel, account: Account) -> None:
        """In place of what was open for this account before."""
        self._open[channel.name, channel.account] = channel, account

    def close(self, channel: str, account: str) -> None:
        self._open.pop((channel, account), None)

    def get(self, chat: ChatRef) -> Channel | None:
        channel, _ = self._open.get((chat.channel, chat.account), (None, None))
        return channel

    @property
    def accounts(self) -> Sequence[Account]:
        return [account for _, account in self._open.values()]
