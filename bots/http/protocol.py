"""Connections that bring no request are let go.

By h11, which bounds a request's head (and what follows a body); with httptools uvicorn bounds
neither, and one head without end would fill the memory.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


class PatientProtocol(H11Protocol):
    head_seconds = 30.0  # from the connection's begin, or the last answer's end
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._await_nothing()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await_nothing()
        if not self.transport.is_closing():
            self._await_head()

    def _await_head(self) -> None:
        self._late = self.loop.call_later(self.head_seconds, self._close_unless_asked)

    def _await_nothing(self) -> None:
        if self._late is not None:
            self._late.cancel()

    def _close_unless_asked(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
