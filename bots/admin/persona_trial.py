"""The test pane: a draft is tried on a question, beside the version that holds, and delivered to
nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel
from starlette.responses import Response

from assistant.answering.experiments import Experiment, Experiments
from assistant.answering.persona_versions import LONGEST_PROMPT, PersonaVersions
from assistant.answering.system_prompt import system_prompt
from assistant.errors import ChangeRefused, StorageUnavailable, TurnNotFound
from assistant.messages import ReplyDelta
from bots.admin.changes import fault
from bots.admin.door import SignedIn, needs
from bots.admin.faults import Fault, page_router
from bots.admin.form import Form, form_of
from bots.admin.live import fragment
from bots.admin.shell import Shell
from bots.closing import closing
from bots.http.stream import EventStream
from bots.reply_text import ReplyText
from bots.web.markdown import MarkdownPage
from bots.web.pace import batches
from inference.api import ChatMessage

PAUSE_SECONDS = 0.15
QUIET_SECONDS = 3.0
LONGEST_QUESTION = 8_000  # characters
MOST_ID = 2**63 - 1

TurnId = Annotated[int, Path(ge=1, le=MOST_ID)]


class Trial(BaseModel):
    persona: str
    prompt: str = ""
    question: str = ""


def trial_pages(shell: Shell, versions: PersonaVersions, experiments: Experiments) -> APIRouter:
    router = page_router()
    pages = TrialPages(shell, versions, experiments)
    router.add_api_route("/persona-trials", pages.begin, methods=["POST"])
    router.add_api_route("/persona-trials/{turn_id}/stream", pages.stream, methods=["GET"])
    router.add_api_route("/persona-trials/{turn_id}/stop", pages.stop, methods=["POST"])
    return router


class TrialPages:
    def __init__(self, shell: Shell, versions: PersonaVersions, experiments: Experiments) -> None:
        self._shell = shell
        self._versions = versions
        self._experiments = experiments
        self._markdown = MarkdownPage()

    async def begin(
        self,
        request: Request,
        admin: Annotated[SignedIn, needs("operator")],
        form: Annotated[Form[Trial], form_of(Trial)],
    ) -> Response:
        given = form.value
        if given is None or not given.question.strip():
            raise Fault(400, "personas.trial_empty")
        if len(given.question) > LONGEST_QUESTION or len(given.prompt) > LONGEST_PROMPT:
            raise Fault(400, "personas.trial_long", n=LONGEST_QUESTION)
        try:
            holding = await self._versions.one(given.persona)
        except ChangeRefused as refused:
            raise fault(self._shell.words(request), refused) from None
        prompts = [("draft", given.prompt.strip(), f"{holding.name}@draft")]
        if given.prompt.strip() == holding.prompt:
            prompts = []
        prompts.append(("holding", holding.prompt, f"{holding.name}@{holding.version}"))
        trials = [
            (kind, await self._ask(prompt, given.question, noted, admin))
            for kind, prompt, noted in prompts
        ]
        context = {"trials": trials, "version": holding.version}
        return self._shell.page(request, "persona_trial.html", context)

    async def stream(
        self, request: Request, turn_id: TurnId, _: Annotated[SignedIn, needs("operator")]
    ) -> Response:
        try:
            await self._experiments.check_trial(turn_id)
        except TurnNotFound:
            raise Fault(404, "shell.not_found") from None
        events = self._events(request, self._experiments.follow(turn_id))
        return EventStream(events, partial(self._stop, turn_id))

    async def stop(self, turn_id: TurnId, _: Annotated[SignedIn, needs("operator")]) -> Response:
        try:
            await self._experiments.check_trial(turn_id)
            await self._experiments.stop(turn_id)
        except TurnNotFound:
            raise Fault(404, "shell.not_found") from None
        return Response(status_code=204)

    async def _ask(self, prompt: str, question: str, noted: str, admin: SignedIn) -> int:
        told = system_prompt(self._versions.personas.settings.system_prompt, prompt, {})
        messages = (ChatMessage("system", told), ChatMessage("user", question))
        return await self._experiments.ask(Experiment(messages, persona=noted), admin.admin.name)

    async def _events(
        self, request: Request, deltas: AsyncIterator[ReplyDelta]
    ) -> AsyncIterator[str]:
        reply = ReplyText()
        with suppress(StorageUnavailable):
            async with closing(batches(deltas, PAUSE_SECONDS, QUIET_SECONDS)) as paced:
                async for batch in paced:
                    for delta in batch:
                        reply.apply(delta)
                    if batch:
                        yield self._shown(request, reply)
                    if reply.last is not None:
                        return

    def _shown(self, request: Request, reply: ReplyText) -> str:
        answer = fragment("answer", "".join(self._markdown.html(reply.text)))
        if reply.last is None:
            return answer
        said = self._shell.html(request, "persona_trial_end.html", {"last": reply.last})
        return answer + fragment("said", said) + fragment("end", "")

    async def _stop(self, turn_id: int) -> None:
        """Who looked on has left: nobody reads it any more."""
        with suppress(TurnNotFound, StorageUnavailable):
            await self._experiments.stop(turn_id)
