"""The home tab: what a person used and chose, what is remembered of them, and what they can order.

Its controls give orders: whoever may give `!persona` in their direct messages may use them.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from assistant.errors import ChannelError, MessageRefused
from assistant.messages import ChatRef, Command, CommandName
from assistant.phrases import say
from assistant.service import Assistant
from bots.slack.agent.home_view import home_view, refused_view
from bots.slack.agent.opened import Opened, direct
from bots.slack.client import call
from bots.slack.hearing import Hearing, Speaker
from bots.slack.identity import BotIdentity, is_outsider
from bots.slack.reading.parse import OUTSIDER

CONTROLS: Mapping[str, CommandName] = {
    "home_persona": "persona", "home_lang": "lang", "home_forget": "memory"
}  # fmt: skip

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HomePressed:
    """A control of the home tab was used: `order` is what it asks for."""

    order: Command
    workspace: str
    view_hash: str


def parse_home(payload: object, account: str) -> HomePressed | None:
    """None for what is no control of ours. Pure."""
    outer = _mapping(payload)
    view, actions = _mapping(outer.get("view")), outer.get("actions")
    if outer.get("type") != "block_actions" or view.get("type") != "home":
        return None
    action = _mapping(actions[0]) if isinstance(actions, list) and actions else {}
    name = CONTROLS.get(_text(action, "action_id"))
    chosen = _text(_mapping(action.get("selected_option")), "value") or _text(action, "value")
    user, channel_id = _mapping(outer.get("user")), _text(view, "private_metadata")
    sender_id = _text(user, "id")
    if not (name and chosen and sender_id and channel_id.startswith("D")):
        return None
    argument = f"forget {chosen}" if name == "memory" else chosen
    chat, sender = direct(account, channel_id), _text(user, "username") or sender_id
    order = Command(chat, name, sender_id, sender, argument=argument)
    return HomePressed(order, _text(user, "team_id"), _text(view, "hash"))


@dataclass(frozen=True, slots=True)
class Home:
    """One workspace's."""

    assistant: Assistant
    client: AsyncWebClient
    hearing: Hearing
    outsiders: bool = False

    async def opened(self, opened: Opened, bot: BotIdentity) -> None:
        """Publish the tab as things stand. Raises StorageUnavailable.

        Where something newer was published than what the person sees, all is read again and goes
        over that.
        """
        speaker = await self.hearing.speaker(opened.user_id, bot)
        for seen in (opened.view_hash, ""):
            view = await self._view(opened.chat, opened.user_id, speaker, bot)
            try:
                shown = await call(
                    self.client.views_publish,
                    success="hash_conflict",
                    user_id=opened.user_id,
                    view=view,
                    hash=seen or None,
                )
            except ChannelError as error:
                _log.warning("home_not_shown", code=error.code, reason=str(error))
                return
            if shown:
                return

    async def use(self, used: HomePressed, bot: BotIdentity) -> Coroutine[Any, Any, None]:
        """Give a control's order. Returns what shows then what became of it, in the tab.

        Raises StorageUnavailable.
        """
        order, chat = used.order, used.order.chat
        speaker = await self.hearing.speaker(order.sender_id, bot, used.workspace)
        if self.outsiders or not is_outsider(speaker.member.workspace, bot):
            with suppress(MessageRefused):  # the tab says why
                await self.assistant.command(
                    replace(order, language=speaker.language, member=speaker.member)
                )
        return self.opened(Opened("home", chat, order.sender_id, used.view_hash), bot)

    async def _view(
        self, chat: ChatRef, user_id: str, speaker: Speaker, bot: BotIdentity
    ) -> dict[str, Any]:
        who = (user_id, speaker.name or user_id, speaker.member)
        try:
            if not self.outsiders and is_outsider(speaker.member.workspace, bot):
                raise MessageRefused(OUTSIDER)
            await self.assistant.admit(chat, *who)
        except MessageRefused as refused:
            language = await self.assistant.language(chat, user_id, speaker.language)
            return refused_view(say(refused.phrase, language))
        overview = await self.assistant.overview(chat, user_id, speaker.language)
        help_ = Command(chat, "help", *who[:2], language=speaker.language, member=speaker.member)
        orders = await self.assistant.command(help_)
        about = await self.assistant.command(replace(help_, name="about"))
        return home_view(overview, chat.chat_id, orders.text, about.text)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""
