"""One run: questions are asked, the fault falls, and it is seen what becomes of the answers."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from tests.faults.matrix.controls import CONTROLS, Control, edited
from tests.faults.matrix.judge import Chat, Verdict
from tests.faults.matrix.lane import Lane
from tests.faults.matrix.platform import Platform
from tests.faults.matrix.points import Point
from tests.faults.matrix.processes import Child
from tests.faults.matrix.questions import Pace, Question
from tests.faults.matrix.record import TurnRecord, records
from tests.faults.matrix.strikes import STRIKES, Scene

LOOK_SECONDS = 0.025
QUIET_SECONDS = 0.3  # nothing changes on the platform for so long before a run ends
ASK_DATABASE_SECONDS = 0.15
STRICT_SHARE = 0.15  # of the runs are at the platforms' real rates
LOAD_SPAN_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Case:
    """A run, fully determined by its seed (as far as real processes can be)."""

    seed: int
    point: Point
    channel: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """`hit`: the fault fell. `recovered_seconds`: from it (without one: from the question) until
    the last answer stood there whole; 0 where it stood before."""

    case: Case
    verdict: Verdict
    hit: bool
    settled: bool
    recovered_seconds: float
    deaths: int
    turns: Sequence[TurnRecord]

    @property
    def clean(self) -> bool:
        return self.verdict.clean and self.settled

    @staticmethod
    def broken(case: Case, why: str) -> Outcome:
        """The run itself failed."""
        return Outcome(case, Verdict(notes=[why]), False, False, 0.0, 0, ())


@dataclass(slots=True)
class Episode:
    lane: Lane
    case: Case
    chance: random.Random = field(init=False)
    platform: Platform = field(init=False)
    scene: Scene = field(init=False)
    asked: dict[str, list[Question]] = field(default_factory=dict, init=False)
    struck: list[float] = field(default_factory=list, init=False)
    acted: set[str] = field(default_factory=set, init=False)  # chats in which a person did more
    children: list[Child] = field(default_factory=list, init=False)
    _asking: asyncio.Task[None] = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.case.seed)
        self.platform = self.lane.platforms[self.case.channel]
        self.scene = Scene(self.lane, self.platform, self.chance, self.lane.talk.span_seconds)

    @property
    def control(self) -> Control | None:
        return CONTROLS.get(self.case.point.control)

    async def play(self) -> Outcome:
        deaths = self.lane.deaths
        await self._prepare()
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            self._asking = group.create_task(self._ask_all())
            thawing = group.create_task(self._thaw())
            striking = group.create_task(self._strike())
            last_change, turns, settled = await self._watch(striking)
            thawing.cancel()
            striking.cancel()
        fell = self._hits() + self.struck
        verdict = await self._judge(turns)
        if not settled:
            verdict.notes.append(f"not settled after {self.lane.talk.limit_seconds:g} s: {turns}")
        await self._tidy()
        return Outcome(
            case=self.case,
            verdict=verdict,
            hit=self._fault_fell(),
            settled=settled,
            recovered_seconds=max(0.0, last_change - (min(fell) if fell else began)),
            deaths=self.lane.deaths - deaths,
            turns=turns,
        )

    async def _prepare(self) -> None:
        point, chance = self.case.point, self.chance
        # Fifty conversations use up the connections that Postgres has for two processes.
        more = chance.random() < 0.25 and not point.conversations
        await self.lane.man(max(point.gateways, 1 + more), max(point.workers, 1 + more))
        unhurried = point.conversations or (point.plant and point.plant.only == "growing")
        strict = chance.random() < STRICT_SHARE and not unhurried
        await self.lane.set_pace(None if strict else chance.choice((0.08, 0.15, 0.3)))
        self.platform.keep_limits(strict)
        for number in range(point.conversations or chance.choice((1, 1, 1, 2, 4))):
            self.asked[self.platform.new_chat()] = self._questions(number)
        if point.conversations:
            self.scene.span_seconds = LOAD_SPAN_SECONDS
        if point.plant is not None:
            self.children = list(self.lane.living(point.role))
            for child in self.children:
                child.hits.clear()
                await child.plant(point.plant, self.case.channel)

    async def _ask_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for chat, questions in self.asked.items():
                group.create_task(self._ask(chat, questions))

    def _questions(self, number: int) -> list[Question]:
        if self.control is not None:
            return [self.control.question(self.chance, number)]
        alone = bool(self.case.point.conversations)
        return self.lane.talk.questions(self.chance, number, alone)

    async def _ask(self, chat: str, questions: Sequence[Question]) -> None:
        asked = 0.0
        for one in questions:
            await asyncio.sleep(one.after_seconds - asked)
            asked = one.after_seconds
            self.scene.asked.append((chat, self.platform.ask(chat, one.text)))
            self.scene.first_asked.set()
        if self.control is not None:
            await asyncio.sleep(self.chance.uniform(0.0, self.lane.talk.span_seconds))
            if self.control.act(self.platform, chat, self.scene.message_in(chat), questions[0]):
                self.acted.add(chat)

    async def _strike(self) -> None:
        if self.case.point.strike:
            self.struck.append(await STRIKES[self.case.point.strike](self.scene))

    async def _thaw(self) -> None:
        """A process that froze wakes when others have long taken over."""
        plant = self.case.point.plant
        if plant is None or plant.deed != "freeze":
            return
        pause = self.chance.uniform(1.3, 3.0)
        spared = False
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._hits() and not spared:  # one freezes, the other takes over
                spared = True
                for child in self.children:
                    if not child.hits:
                        await child.order(clear=True)
            for child in self.children:
                if child.hits and time.monotonic() - child.hits[0] > pause:
                    child.signal(signal.SIGCONT)

    def _hits(self) -> list[float]:
        return [moment for child in self.children for moment in child.hits]

    def _fault_fell(self) -> bool:
        point = self.case.point
        planted = point.plant is None or point.plant.deed == "skip" or bool(self._hits())
        return planted and (not point.strike or bool(self.struck))

    def _awake(self) -> bool:
        plant = self.case.point.plant
        if plant is None or plant.deed != "freeze":
            return True
        return all(time.monotonic() - moment > 4.0 for moment in self._hits())

    async def _watch(
        self, striking: asyncio.Task[None]
    ) -> tuple[float, Sequence[TurnRecord], bool]:
        """Until all is answered and quiet: the moment of the last change, and the turns."""
        began = last_change = asked_database = time.monotonic()
        looks: Mapping[str, object] = {}
        turns: Sequence[TurnRecord] = ()
        while time.monotonic() - began < self.lane.talk.limit_seconds:
            await asyncio.sleep(LOOK_SECONDS)
            now = time.monotonic()
            seen = self._looks()
            if seen != looks:
                looks, last_change = seen, now
            quiet = now - last_change > QUIET_SECONDS and striking.done() and self._awake()
            if quiet and self._answered() and now - asked_database > ASK_DATABASE_SECONDS:
                asked_database = now
                turns = await self._turns()
                if self._settled(turns):
                    return last_change, turns, True
        return last_change, await self._turns(), False

    async def _turns(self) -> Sequence[TurnRecord]:
        """None while Postgres is away."""
        try:
            return await records(self.lane.postgres.url, self.case.channel, list(self.asked))
        except psycopg.OperationalError:
            return ()

    def _looks(self) -> Mapping[str, object]:
        return {
            chat: [(len(one.texts), one.deleted) for one in self.platform.shown(chat)]
            for chat in self.asked
        }

    def _answered(self) -> bool:
        if self.control is not None:
            return self._asking.done() and self.platform.idle() and self._edits_shown()
        return all(
            self.lane.talk.answered(questions, self.platform.shown(chat))
            for chat, questions in self.asked.items()
        )

    def _edits_shown(self) -> bool:
        """What was edited is answered as it is now; of other deeds the database knows."""
        return self.case.point.control != "edit" or all(
            any(edited(questions[0]).tag in one.text for one in self.platform.shown(chat))
            for chat, questions in self.asked.items()
            if chat in self.acted
        )

    def _settled(self, turns: Sequence[TurnRecord]) -> bool:
        known = {(turn.chat, message) for turn in turns for message in turn.message_ids}
        # What was deleted before it came makes no turn.
        complete = known >= set(self.scene.asked) or self.case.point.control == "delete"
        return complete and all(turn.settled for turn in turns)

    async def _judge(self, turns: Sequence[TurnRecord]) -> Verdict:
        verdict = Verdict()
        arrivals = {
            (turn.chat, message): number
            for turn in turns
            for message, number in zip(turn.message_ids, turn.arrivals, strict=True)
        }
        for name, questions in self.asked.items():
            # In the order of asking, which in one chat is that of the person.
            messages = [message for where, message in self.scene.asked if where == name]
            arrived = {
                question.tag: arrivals[name, message]
                for question, message in zip(questions, messages, strict=False)
                if (name, message) in arrivals
            }
            own = [turn for turn in turns if turn.chat == name]
            shown = self.platform.shown(name)
            chat = Chat(name, questions, arrived, shown, own)
            if self.control is None:
                verdict.add(await self.lane.talk.judge(chat))
            else:
                verdict.add(await self.control.judge(chat, Pace(), name in self.acted))
        return verdict

    async def _tidy(self) -> None:
        for child in self.children:
            child.signal(signal.SIGCONT)
        await self.lane.tell(clear=True)
        self.platform.heal()
        self.platform.keep_limits(strict=False)
