"""Logs: one line an event, for people on a terminal, as JSON elsewhere. To stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

import structlog

from assistant.settings import AssistantSettings
from bots.settings import LogSettings

# Libraries that tell more than a log may hold (URLs with tokens), or more than anyone reads.
QUIET = (
    "httpx",
    "httpx2",
    "httpcore",
    "telegram",
    "slack_sdk",
    "slack_bolt",
    "aiohttp",
    "uvicorn",
    "asyncio",
)

# Without the frames' variables, which hold what people wrote.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


@dataclass(frozen=True, slots=True)
class LogLevel:
    """The least severe line that is written: as the process was started, until an admin says
    otherwise. `live` changes while it runs."""

    started: str
    live: AssistantSettings | None = None

    @property
    def name(self) -> str:
        return (self.live and self.live.log_level) or self.started

    def __call__(
        self, logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """For structlog: drop what is less severe."""
        if _number(method) < _number(self.name):
            raise structlog.DropEvent
        return event

    def filter(self, record: logging.LogRecord) -> bool:
        """For the standard library's: the same."""
        return record.levelno >= _number(self.name)


def _number(name: str) -> int:
    return _NUMBERS.get(name, logging.CRITICAL)


_NUMBERS = {
    **{name.lower(): number for name, number in logging.getLevelNamesMapping().items()},
    "exception": logging.ERROR,
}


def set_up_logging(settings: LogSettings, live: AssistantSettings | None = None) -> LogLevel:
    """`live`: whose `log_level`, once it is set, counts in place of the level here."""
    level = LogLevel(settings.level, live)
    pretty = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if not pretty else "%H:%M:%S", utc=not pretty),
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if pretty
        else structlog.processors.JSONRenderer()
    )
    errors = [] if pretty else [_TRACEBACKS]
    structlog.configure(
        processors=[level, *shared, *errors, renderer],
        # Whatever is let through now and then must reach the processor that decides.
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.NOTSET if live else _number(settings.level)
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *errors,
                renderer,
            ],
            foreign_pre_chain=shared,
        )
    )
    handler.addFilter(level.filter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    return level
