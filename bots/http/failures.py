"""Every exception that reaches the edge becomes a status and a sentence."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from assistant.errors import (
    ChangedMeanwhile,
    ChangeRefused,
    MessageRefused,
    QueueFull,
    QuotaSpent,
    StorageUnavailable,
    TurnNotFound,
    UnderMaintenance,
)
from bots.http.refusal import refusal

_SENTENCES = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
}


class Refused(Exception):
    """Ends a request with a status and a sentence, wherever it is raised."""

    def __init__(
        self,
        status: int,
        sentence: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.code = code
        self.param = param
        self.headers = headers

    def response(self) -> Response:
        return refusal(
            self.status, self.sentence, code=self.code, param=self.param, headers=self.headers
        )


def answer_failures(app: FastAPI) -> None:
    """Install the handlers. What no handler knows is a 500 whose trace is logged, not shown."""

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        return error.response()

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        sentence = _SENTENCES.get(error.status_code) or str(error.detail)
        return refusal(error.status_code, sentence, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:])
        return refusal(400, f"{field or 'The request'}: {first['msg']}.", param=field or None)

    @app.exception_handler(StorageUnavailable)
    async def no_storage(request: Request, error: StorageUnavailable) -> Response:
        sentence = "The database can't be reached right now. Nothing was stored: try again."
        headers = {"retry-after": "5"} | limits(request)
        return refusal(503, sentence, code=error.code, headers=headers)

    @app.exception_handler(MessageRefused)
    async def message_refused(request: Request, error: MessageRefused) -> Response:
        return refusal(400, str(error), code=error.code, headers=limits(request))

    @app.exception_handler(QueueFull)
    @app.exception_handler(QuotaSpent)
    async def try_later(request: Request, error: QueueFull | QuotaSpent) -> Response:
        headers = {"retry-after": f"{error.retry_after_seconds:.0f}"} | limits(request)
        return refusal(429, str(error), code=error.code, headers=headers)

    @app.exception_handler(UnderMaintenance)
    async def under_maintenance(request: Request, error: UnderMaintenance) -> Response:
        headers = {"retry-after": f"{error.retry_after_seconds:.0f}"} | limits(request)
        return refusal(503, str(error), code=error.code, headers=headers)

    @app.exception_handler(TurnNotFound)
    async def no_turn(_: Request, error: TurnNotFound) -> Response:
        return refusal(404, "There is no such turn in this conversation.", code=error.code)

    @app.exception_handler(ChangeRefused)
    async def change_refused(_: Request, error: ChangeRefused) -> Response:
        return refusal(change_status(error), str(error), code=error.code)

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, __: Exception) -> Response:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return refusal(status, "Something went wrong in Outrider. The log says what.")


def change_status(refused: ChangeRefused) -> int:
    """Of a change that an admin, or a program of theirs, can't make."""
    if isinstance(refused, ChangedMeanwhile):
        return 409
    return 404 if refused.code.endswith(("_gone", "_unknown")) else 400


def limits(request: Request) -> dict[str, str]:
    """Headers that who let the request in wants on its answer, whatever that is."""
    found: dict[str, str] = getattr(request.state, "limits", {})
    return found
