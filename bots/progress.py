"""How far the engine's start is: a bar on a terminal, a line a step elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

READY = "ready"


class StartProgress:
    """An `inference.api.Progress`; a context manager, so that the bar is gone when all ends."""

    def __init__(
        self,
        say: Callable[[str], None],
        notice: Callable[[], str],
        console: Console | None = None,
    ) -> None:
        """`notice` gives the engine's quiet line about itself, once it is ready."""
        self._say = say
        self._notice = notice
        console = console or Console(stderr=True)
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                TimeElapsedColumn(),
                console=console,
                transient=True,
            )
        self._task: TaskID | None = None
        self._step = ""

    def __enter__(self) -> StartProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, line: str, share: float | None) -> None:
        if line == READY:
            self.__exit__(None, None, None)
            self._say(f"The model is ready. {self._notice()}".rstrip())
        elif self._bar is not None:
            self._draw(self._bar, line, share)
        elif line != self._step:
            self._say(f"{line} …")
        self._step = line

    def _draw(self, bar: Progress, line: str, share: float | None) -> None:
        if line != self._step:
            if self._task is not None:
                bar.remove_task(self._task)
            self._task = bar.add_task(line, total=None if share is None else 1.0)
        if self._task is not None and share is not None:
            bar.update(self._task, completed=share, total=1.0)
