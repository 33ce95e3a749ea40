"""Counters and times for Prometheus. One instance per process, made by the composition root."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from assistant.engine_metrics import EngineCollector, Supervised

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(slots=True)
class Measured:
    outcome: str = "left"


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._messages = self._counter("messages", "Messages accepted.", "channel")
        self._bots_ignored = self._counter(
            "bot_messages_ignored", "Messages of other bots that were not answered.", "channel"
        )
        self._turns = self._counter(
            "turns", "Attempts at turns by how they ended.", "channel", "outcome"
        )
        self._failures = self._counter(
            "turn_failures", "Turns that ended in an error.", "channel", "code"
        )
        self._turn_seconds = self._times("turn_seconds", "Time of an attempt.")
        self._running = Gauge(
            "outrider_turns_running", "Turns that run here now.", registry=self.registry
        )
        self._tokens = self._counter("tokens", "Tokens by kind.", "kind")
        self._calls = self._counter(
            "channel_calls", "Calls to platforms by result.", "channel", "call", "result"
        )
        self._deliveries = self._counter("deliveries", "Replies delivered.", "channel", "outcome")
        self._first_text = self._times(
            "first_text_seconds",
            "From a message to the first text of its answer that a person could see.",
            "channel",
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"outrider_{name}", text, labels, registry=self.registry)

    def _times(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"outrider_{name}", text, labels, buckets=SECONDS, registry=self.registry)

    def message(self, channel: str) -> None:
        self._messages.labels(channel).inc()

    def bot_ignored(self, channel: str) -> None:
        self._bots_ignored.labels(channel).inc()

    def failure(self, channel: str, code: str) -> None:
        self._failures.labels(channel, code).inc()

    def call(self, channel: str, call: str, result: str) -> None:
        self._calls.labels(channel, call, result).inc()

    def delivery(self, channel: str, outcome: str) -> None:
        self._deliveries.labels(channel, outcome).inc()

    def first_text(self, channel: str, seconds: float | None) -> None:
        """`seconds` None: it was not the first of its turn."""
        if seconds is not None:
            self._first_text.labels(channel).observe(seconds)

    def engine(self, supervised: Supervised) -> None:
        """From now on the engine's own statistics are part of what is measured."""
        self.registry.register(EngineCollector(supervised))

    def tokens(self, prompt: int, output: int, cached: int) -> None:
        self._tokens.labels("prompt").inc(prompt)
        self._tokens.labels("output").inc(output)
        self._tokens.labels("cached").inc(cached)

    @contextmanager
    def turn(self, channel: str) -> Iterator[Measured]:
        measured = Measured()
        started = time.monotonic()
        self._running.inc()
        try:
            yield measured
        finally:
            self._running.dec()
            self._turns.labels(channel, measured.outcome).inc()
            self._turn_seconds.observe(time.monotonic() - started)
