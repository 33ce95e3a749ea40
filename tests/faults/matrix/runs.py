"""Many runs: lanes side by side, each taking the next case when it is through with one."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import count
from pathlib import Path

from tests.faults.matrix.episode import Case, Episode, Outcome
from tests.faults.matrix.lane import Lane, lane
from tests.faults.matrix.points import POINTS, Point
from tests.faults.matrix.processes import Zygote, zygote
from tests.faults.matrix.servers import make_template
from tests.faults.matrix.talk import Talk

Told = Callable[[Outcome, str], None]


def case_of(seed: int, points: Sequence[Point] = POINTS) -> Case:
    """Neighbouring seeds go through all points and channels."""
    pairs = [(point, channel) for point in points for channel in point.channels]
    return Case(seed, *pairs[seed % len(pairs)])


def cases(
    first: int, runs: int, names: Sequence[str] = (), points: Sequence[Point] = POINTS
) -> Iterator[Case]:
    """So many cases from this seed on; of the points with these names, or of all."""
    every = (case_of(seed, points) for seed in count(first))
    wanted = (case for case in every if not names or case.point.name in names)
    return (case for _, case in zip(range(runs), wanted, strict=False))


async def carry_out(
    waiting: Sequence[Case], lanes: int, told: Told, talk: Talk, models: Path | None = None
) -> Sequence[Outcome]:
    """All of them, on so many lanes. `told` gets each outcome, and the logs of one that isn't
    clean. `models`: where the demo model is, where it talks."""
    folder = Path(tempfile.mkdtemp(prefix="of-"))
    left = iter(waiting)
    outcomes: list[Outcome] = []

    def note(outcome: Outcome, logs: str) -> None:
        outcomes.append(outcome)
        told(outcome, logs)

    def make(place: Path, mother: Zygote) -> AbstractAsyncContextManager[Lane]:
        return lane(place, folder / "template", mother, talk, models)

    try:
        await make_template(folder / "template")
        async with zygote() as mother, asyncio.TaskGroup() as group:
            for number in range(min(lanes, len(waiting))):
                places = _places(folder / str(number))
                group.create_task(_work(partial(make, mother=mother), places, left, note))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return outcomes


def _places(folder: Path) -> Iterator[Path]:
    return (folder / str(again) for again in count())


async def _work(
    make: Callable[[Path], AbstractAsyncContextManager[Lane]],
    places: Iterator[Path],
    left: Iterator[Case],
    note: Told,
) -> None:
    """One lane; after a run that went wrong it is made anew, so that the next begins clean."""
    for place in places:
        async with make(place) as made:
            if not await _until_unclean(made, left, note):
                return


async def _until_unclean(made: Lane, left: Iterator[Case], note: Told) -> bool:
    """False when there is nothing left to do."""
    for case in left:
        sizes = {log: log.stat().st_size for log in made.logs()}
        outcome = await _played(made, case)
        logs = "" if outcome.clean else _since(made, sizes)
        note(outcome, logs)
        if not outcome.clean:
            return True
    return False


async def _played(made: Lane, case: Case) -> Outcome:
    """A run that breaks the harness is a run that went wrong."""
    try:
        return await Episode(made, case).play()
    except Exception:
        return Outcome.broken(case, traceback.format_exc())


def _since(made: Lane, sizes: dict[Path, int]) -> str:
    """What the processes wrote in this run."""
    parts = []
    for log in made.logs():
        with log.open("rb") as file:
            file.seek(sizes.get(log, 0))
            parts.append(f"--- {log.name}\n{file.read().decode(errors='replace')}")
    return "\n".join(parts)
