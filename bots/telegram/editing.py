"""One edit of a message of ours, in a chat or elsewhere, and what stands in for a refused text."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from telegram import InlineKeyboardMarkup, LinkPreviewOptions
from telegram.error import BadRequest

from assistant.phrases import Phrase, say
from bots.telegram.bot import TelegramBot
from bots.telegram.failures import means_entities_refused, means_not_modified, means_too_long
from bots.telegram.text.render import TEXT_UNITS, Rendered
from bots.telegram.text.utf16 import head, units

_log = structlog.get_logger()

CUT = Phrase("elsewhere.cut")
CUT_UNITS = 3000  # of a text that Telegram finds too long although by its own rules it isn't
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)  # it would come and go with every edit


@dataclass(frozen=True, slots=True)
class Target:
    """The message: by its chat and number, or by the id that stands for one elsewhere."""

    chat_id: str | None = None
    number: int | None = None
    inline_id: str | None = None


async def edit_text(
    bot: TelegramBot,
    target: Target,
    shown: Rendered,
    keyboard: InlineKeyboardMarkup | None,
    language: str = "",
) -> None:
    """Raises TelegramError. What stands there already is success."""
    try:
        await bot.call(
            "editMessageText",
            text=shown.text,
            chat_id=target.chat_id,
            message_id=target.number,
            inline_message_id=target.inline_id,
            entities=shown.entities or None,
            reply_markup=keyboard,
            link_preview_options=NO_PREVIEW,
        )
    except BadRequest as error:
        if means_not_modified(error):
            return
        plainer = _plainer(shown, error, say(CUT, language))
        if plainer is None:
            raise
        await edit_text(bot, target, plainer, keyboard, language)


async def edit_rich(
    bot: TelegramBot, target: Target, html: str, keyboard: InlineKeyboardMarkup | None
) -> bool:
    """Show it as a rich message. False where Telegram refuses it: then as text."""
    try:
        await bot.call(
            "editMessageText",
            chat_id=target.chat_id,
            message_id=target.number,
            rich_message={"html": html, "skip_entity_detection": True},
            reply_markup=keyboard,
        )
    except BadRequest as error:
        if not means_not_modified(error):
            _log.info("rich_message_refused", reason=error.message)
            return False
    return True


def ending_in(shown: Rendered, sentence: str, room: int = TEXT_UNITS) -> Rendered:
    """Cut where need be, so that the sentence has room behind it."""
    text = head(shown.text, room - units(sentence) - 2).rstrip()
    end = units(text)
    kept = tuple(one for one in shown.entities if one.offset + one.length <= end)
    return Rendered(f"{text}\n\n{sentence}", kept)


def _plainer(shown: Rendered, refusal: BadRequest, cut: str) -> Rendered | None:
    """What to show in place of a text that was refused; None where nothing would help."""
    if means_too_long(refusal) and units(shown.text) > CUT_UNITS:
        return ending_in(Rendered(shown.text), cut, CUT_UNITS)
    if shown.entities and means_entities_refused(refusal):
        return Rendered(shown.text)
    return None
