"""Replays: a turn's prompt is asked again, of another persona or profile, for an admin's eyes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.answering.experiments import Experiment, Experiments
from assistant.answering.personas import Personas, chosen
from assistant.answering.system_prompt import system_prompt
from assistant.insight.prompts import Prompts, ShownPrompt
from assistant.insight.trace import Trace
from assistant.settings import AssistantSettings
from assistant.storage.audit import Actor, AuditLog
from inference.api import ChatMessage, sampling_read


@dataclass(frozen=True, slots=True)
class Replays:
    prompts: Prompts
    experiments: Experiments
    settings: AssistantSettings
    audit: AuditLog

    async def ask(
        self,
        trace: Trace,
        prompt: ShownPrompt,
        actor: Actor,
        *,
        persona: str = "",
        profile: str = "",
    ) -> int:
        """The experiment's turn. Empty: the persona as it was; whichever profile has room.

        Raises TurnNotFound where the turn was just erased, StorageUnavailable.
        """
        messages = await self.prompts.with_images(await self._asked(prompt, persona))
        sampling = replace(sampling_read(trace.turn.sampling), logprobs=None)
        after = {"persona": persona or prompt.recipe.persona, "profile": profile}
        await self.audit.note(actor, "turn.replayed", f"turn:{trace.turn.id}", None, after)
        return await self.experiments.ask(
            Experiment(messages, sampling, profile, after["persona"], trace.turn.id), actor.name
        )

    async def personas(self) -> Sequence[str]:
        """Those that may stand in for the one that it was."""
        return list(await self._personas.offered())

    @property
    def _personas(self) -> Personas:
        return Personas(self.prompts.database, self.settings)

    async def _asked(self, prompt: ShownPrompt, persona: str) -> Sequence[ChatMessage]:
        if not persona:
            return prompt.messages
        instead = chosen(await self._personas.all(), persona)
        about = {"language": prompt.recipe.language}
        told = system_prompt(self.settings.system_prompt, instead.prompt, about)
        return prompt.instead(told)
