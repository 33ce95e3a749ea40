"""The conversation service: what channels, pages and the API call. Holds no state of its own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from assistant.accounts import Account, Accounts
from assistant.answering.deltas import DeltaReader, DeltaWriter
from assistant.answering.embeddings import Embedded, EmbeddingRequests
from assistant.answering.places import Places
from assistant.answering.revisions import Revisions
from assistant.answering.turns import Turns
from assistant.errors import MessageRefused, Silenced
from assistant.files.attachments import opened, readable, with_pdf_text
from assistant.files.pdf_text import PdfReader
from assistant.incoming.admission import Admission
from assistant.incoming.arrivals import Arrivals
from assistant.incoming.control import CONVERSATION, Control, place
from assistant.incoming.intake import Intake
from assistant.incoming.late_files import LateFiles
from assistant.incoming.listening import Listening
from assistant.incoming.maintenance import Maintenance
from assistant.incoming.persons import Persons
from assistant.incoming.presence import live_turns
from assistant.lines import Lines
from assistant.messages import (
    NO_MEMBER,
    Accepted,
    Answer,
    Arrival,
    Attachment,
    ButtonPressed,
    ChatRef,
    Command,
    Edited,
    HistoryEntry,
    IncomingMessage,
    Membership,
    Presence,
    ReplyDelta,
    Requester,
    clean,
)
from assistant.metrics import Metrics
from assistant.orders.buttons import Buttons
from assistant.orders.commands import Commands
from assistant.orders.overview import Overview, Overviews
from assistant.outgoing.delivery import Delivery
from assistant.phrases import Phrase
from assistant.settings import AssistantSettings
from assistant.signals import Signals, WorkerPresence
from assistant.storage.database import Database
from inference.api import ChatMessage, EngineInfo, Sampling, TokenLogprob

log = structlog.get_logger()

AWAIT_SECONDS = 30.0  # the longest that an answer waits for a file

HISTORY = f"""
WITH recent AS (
    SELECT turns.id, coalesce(place, id) AS place, reply, state, error, error_code FROM turns
    WHERE conversation_id = ({CONVERSATION}) AND superseded_by IS NULL
    ORDER BY coalesce(place, id) DESC LIMIT %(limit)s
)
SELECT recent.*, messages.text FROM recent
JOIN turn_messages ON turn_messages.turn_id = recent.id
JOIN messages ON messages.id = turn_messages.message_id
JOIN conversations ON conversations.id = messages.conversation_id
WHERE messages.deleted_at IS NULL AND messages.id > starts_after
ORDER BY recent.place, messages.id
"""


@dataclass(frozen=True, slots=True)
class ConversationService:
    """Implements `assistant.service.Assistant`."""

    database: Database
    accounts: Accounts
    admission: Admission
    intake: Intake
    turns: Turns
    revisions: Revisions
    signals: Signals
    writer: DeltaWriter
    reader: DeltaReader
    delivery: Delivery
    control: Control
    commands: Commands
    buttons: Buttons
    persons: Persons
    listening: Listening
    overviews: Overviews
    late_files: LateFiles
    embeddings: EmbeddingRequests
    settings: AssistantSettings
    metrics: Metrics
    places: Places
    maintenance: Maintenance
    arrivals: Arrivals
    lines: Lines
    pdf_reader: PdfReader = field(default_factory=PdfReader)

    async def accept(self, message: IncomingMessage) -> Accepted:
        arrival = message.arrival or Arrival()
        account = self._account(message.chat)
        self.lines.hear(account.channel, account.name)
        await self.admission.check_message(account, message)
        await self._check_maintenance(message)
        self._check_text(message.text, may_be_empty=bool(message.attachments))
        if message.attachments:
            message = await with_pdf_text(message, self.pdf_reader)
            message = readable(message, self.settings.message_characters - len(message.text))
        if message.album and (answered := await self._add_part(message)) is not None:
            return answered
        free = await self.signals.free_workers()
        accepted = await self.intake.store(account.id, message, account.delivered, free)
        committed = time.monotonic()
        if not accepted.duplicate:
            if any(one.awaited for one in message.attachments):
                await self.late_files.wait(accepted.turn_id, AWAIT_SECONDS)
            self.metrics.message(account.channel)
            log.info(
                "message_accepted",
                turn=accepted.turn_id,
                channel=account.channel,
                joined=accepted.joined,
            )
            if accepted.restarted is not None:
                await self.signals.abandon(accepted.turn_id, accepted.restarted)
            await self._wake(accepted.turn_id, accepted.worker)
            self.arrivals.note(accepted.message_id, arrival, committed)
            if accepted.waits and account.delivered:
                self.delivery.mark_waiting(message.chat, message.message_id)
        return accepted

    async def wanted(self, message: IncomingMessage) -> Sequence[Attachment]:
        account = self._account(message.chat)
        await self.admission.check_message(account, message)
        await self._check_maintenance(message)
        if await self._sees_images():
            return message.attachments
        files = [one for one in message.attachments if one.kind != "image"]
        if not files and not message.text.strip():
            raise MessageRefused(Phrase("content.blind"))
        return files

    async def opened(self, attachment: Attachment) -> Attachment:
        return await opened(attachment, self.pdf_reader)

    async def complete(self, message: IncomingMessage) -> None:
        try:
            message = readable(message, self.settings.message_characters - len(message.text))
        except MessageRefused:
            if await self.late_files.are_there(message):
                return
            await self.erase(message.chat, message.message_id)
            raise
        await self.control.revise(await self.late_files.bring(message))

    async def in_album(self, chat: ChatRef, album: str) -> bool:
        return await self.revisions.in_album(chat, album)

    async def accept_request(
        self,
        chat: ChatRef,
        messages: Sequence[ChatMessage],
        sampling: Sampling,
        requester: Requester = Requester(),  # noqa: B008 - it is frozen
        *,
        background: bool = False,
        deadline_seconds: float | None = None,
    ) -> Accepted:
        self.maintenance.check()
        arrival, account = Arrival(), self._account(chat)
        self.lines.hear(account.channel, account.name)
        await self.admission.spending.check(account, chat, requester.id)
        accepted = await self.intake.store_request(
            account.id,
            chat.chat_id,
            messages,
            sampling,
            requester,
            background=background,
            deadline_seconds=deadline_seconds,
        )
        committed = time.monotonic()
        self.metrics.message(account.channel)
        await self.signals.wake_worker(accepted.turn_id)
        self.arrivals.note(accepted.message_id, arrival, committed)
        return accepted

    async def command(self, command: Command) -> Answer:
        account = self._account(command.chat)
        who = (command.sender_id, command.sender_name, command.member)
        await self.admission.check(account, command.chat, *who)
        if command.name == "retry":
            self.maintenance.check()
            await self.admission.check_quota(account, command.chat, command.sender_id, writes=False)
        return await self.commands.answer(account, command)

    async def stop(self, turn_id: int) -> bool:
        return await self.control.stop(turn_id)

    async def turn_chat(self, turn_id: int) -> ChatRef | None:
        return await self.turns.chat(turn_id)

    def follow(self, turn_id: int, offset: int = 0) -> AsyncIterator[ReplyDelta]:
        """As the reader gives it; before the first text of an attempt it counts as shown."""
        shown: set[int] = set()

        async def admit(attempt: int) -> bool:
            if attempt not in shown and (text := await self.turns.show(turn_id, attempt)):
                shown.add(attempt)
                self.metrics.first_text(text.channel, text.first_after_seconds)
            return attempt in shown

        return self.reader.follow(turn_id, offset, admit)

    async def take_logprobs(self, turn_id: int) -> Sequence[TokenLogprob]:
        return await self.turns.take_logprobs(turn_id)

    async def press(self, pressed: ButtonPressed) -> Phrase | None:
        # Turn ids can be guessed. The topic is not looked at: Telegram doesn't name it where the
        # message is gone.
        chat = await self.turns.chat(pressed.turn_id)
        if chat is None or replace(chat, thread_id="") != replace(pressed.chat, thread_id=""):
            log.warning("button_of_another_chat", turn=pressed.turn_id)
            return Phrase("button.gone")
        account = self._account(chat)
        who = (pressed.sender_id, pressed.sender_name, pressed.member)
        await self.admission.access.check(account, pressed.chat, *who)  # told to them alone
        if pressed.action == "retry":
            self.maintenance.check()
            spending = self.admission.spending
            await spending.check(account, pressed.chat, pressed.sender_id, writes=False)
        await self.delivery.uncover(pressed.turn_id, chat, pressed.message_id)
        return await self.buttons.press(account, pressed)

    async def language(self, chat: ChatRef, sender_id: str, told: str = "") -> str:
        return await self.persons.language(self._account(chat), sender_id, told)

    async def before(self, turn_id: int) -> int | None:
        return await self.places.before(turn_id)

    async def history(self, chat: ChatRef, limit: int = 50) -> Sequence[HistoryEntry]:
        rows = await self._rows(HISTORY, chat, limit=limit)
        entries: list[HistoryEntry] = []
        for position, row in enumerate(rows):
            entries.append(HistoryEntry("user", row.text, row.id, row.state))
            following = rows[position + 1] if position + 1 < len(rows) else None
            if following is None or following.id != row.id:
                entries.append(HistoryEntry("assistant", row.reply, row.id, row.state, row.error))
        return entries

    async def erase(self, chat: ChatRef, message_id: str) -> None:
        await self.control.erase(chat, message_id)

    async def knows(self, chat: ChatRef, message_id: str) -> bool:
        return await self.revisions.knows(chat, message_id)

    async def edit(self, edited: Edited) -> None:
        """A private chat's message that we never saw was edited before it came: it comes now. In a
        group it is none of ours."""
        chat = edited.chat
        if chat.kind == "group" and not await self.knows(chat, edited.message_id):
            return
        self._check_text(edited.text)
        account = self._account(chat)
        await self.admission.check(account, chat, edited.sender_id, "", edited.member)
        self.maintenance.check()
        await self.admission.check_quota(
            account, chat, edited.sender_id, event_id=edited.event_id, writes=False
        )
        revised = await self.revisions.edit(
            chat, edited.event_id, edited.message_id, clean(edited.text)
        )
        await self.control.revise(revised)
        if revised.turn_id is None and chat.kind == "private":
            await self.accept(
                IncomingMessage(
                    chat,
                    edited.event_id,
                    edited.message_id,
                    edited.sender_id,
                    "",
                    edited.text,
                    member=edited.member,
                )
            )

    async def retry(self, turn_id: int) -> int | None:
        self.maintenance.check()
        return await self.control.retry(turn_id)

    async def admit(
        self,
        chat: ChatRef,
        sender_id: str,
        sender_name: str,
        member: Membership = NO_MEMBER,
        *,
        alone: bool = False,
    ) -> None:
        account = self._account(chat)
        await self.admission.check(account, chat, sender_id, sender_name, member, alone=alone)

    async def untold(self, chat: ChatRef, sender_id: str) -> None:
        await self.admission.untold(self._account(chat), chat, sender_id)

    async def may_talk(self, chat: ChatRef, sender_id: str, member: Membership = NO_MEMBER) -> bool:
        return await self.admission.access.allows(self._account(chat), chat, sender_id, member)

    async def overview(self, chat: ChatRef, sender_id: str, told: str = "") -> Overview:
        return await self.overviews.of(self._account(chat), chat, sender_id, told)

    async def suggestions(self, chat: ChatRef, language: str = "") -> Sequence[str]:
        return await self.overviews.suggestions(self._account(chat), chat, language)

    async def takes_part(self, chat: ChatRef) -> bool:
        return await self.listening.takes_part(chat)

    async def heard_until(self, chat: ChatRef) -> str:
        return await self.listening.heard_until(chat)

    async def move(self, chat: ChatRef, to_chat_id: str) -> None:
        await self.delivery.move(chat, to_chat_id)

    async def presence(self, presence: Presence) -> None:
        chat = presence.chat
        log.info("presence_changed", channel=chat.channel, kind=chat.kind, present=presence.present)
        if not presence.present:
            for turn_id in await live_turns(self.database, chat):
                await self.stop(turn_id)

    async def engine_info(self) -> EngineInfo | None:
        return next((one for one in await self.engines() if one.generates), None)

    async def engines(self) -> Sequence[EngineInfo]:
        served: dict[str, EngineInfo] = {}
        for one in await self.signals.last_workers():
            if one.info is not None:
                served.setdefault(one.info.model, one.info)
        return list(served.values())

    async def embed(self, model: str, texts: Sequence[str]) -> Embedded:
        return await self.embeddings.embed(model, texts)

    async def workers(self) -> Sequence[WorkerPresence]:
        return await self.signals.workers()

    async def _add_part(self, message: IncomingMessage) -> Accepted | None:
        revised = await self.revisions.add_part(message)
        if revised is None or revised.turn_id is None:
            return None
        await self.control.revise(revised)
        return Accepted(revised.turn_id, joined=True)

    async def _sees_images(self) -> bool:
        """Where no worker is there yet, one that sees may come."""
        workers = await self.signals.workers()
        infos = [one.info for one in workers if one.info is not None and one.answers]
        return not infos or any(info.vision for info in infos)

    async def _wake(self, turn_id: int, worker: str | None = None) -> None:
        await self.signals.wake_worker(turn_id, worker)
        self.delivery.look()

    async def _check_maintenance(self, message: IncomingMessage) -> None:
        """What was taken in before it began, and comes again, is no news. To another bot nothing is
        said: it would answer."""
        if not self.maintenance.on or await self.knows(message.chat, message.message_id):
            return
        if message.from_bot:
            raise Silenced("Another bot is not told of maintenance.")
        self.maintenance.check()

    def _account(self, chat: ChatRef) -> Account:
        return self.accounts.get(chat.channel, chat.account)

    def _check_text(self, text: str, *, may_be_empty: bool = False) -> None:
        longest = self.settings.message_characters
        if not text.strip() and not may_be_empty:
            raise MessageRefused(Phrase("refused.empty"))
        if len(text) > longest:
            values = {"length": len(text), "longest": longest}
            raise MessageRefused(Phrase("refused.long", values))

    async def _rows(self, statement: str, chat: ChatRef, **values: object) -> Sequence[Any]:
        return await self.database.rows(statement, {**place(chat), **values})
