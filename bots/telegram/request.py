"""HTTP to the Bot API. The token stands in the path of every call, so it lives here alone.

The library and httpx work with paths that have no token (`/bot/sendMessage`); the transport puts
it in at the last moment. So no log line, exception or repr of theirs can carry it.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
from pydantic import SecretStr
from telegram.error import InvalidToken, NetworkError, TelegramError
from telegram.request import HTTPXRequest, RequestData

from assistant.errors import StartupError

CONNECT_SECONDS = 5.0
WRITE_SECONDS = 10.0
READ_SECONDS = 20.0
POOL_SECONDS = 5.0
KEPT_SECONDS = 300.0  # a connection that is idle: the next message need not wait for a new one
FLOOD_SECONDS = 5.0  # when Telegram says "too many" and not for how long


class FloodWait(TelegramError):
    """429. The library's own RetryAfter only tells whole seconds, with a warning."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Flood control: wait {seconds:g} s")
        self.seconds = seconds


class ServerTrouble(NetworkError):
    """A 5xx. `by_proxy` when something in between answered, which can't know what was done."""

    def __init__(self, status: int) -> None:
        super().__init__(f"The server answered {status}")
        self.by_proxy = status in (502, 504)


class TelegramRequest(HTTPXRequest):
    """The library's HTTP with our timeouts, without the token, and with 429 and 5xx told apart."""

    def __init__(self, base_url: str, token: SecretStr, *, connections: int) -> None:
        super().__init__(
            connection_pool_size=connections,
            connect_timeout=CONNECT_SECONDS,
            write_timeout=WRITE_SECONDS,
            read_timeout=READ_SECONDS,
            pool_timeout=POOL_SECONDS,
            httpx_kwargs={"transport": _TokenTransport(base_url, token, connections)},
        )

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        *args: Any,
        **timeouts: Any,
    ) -> tuple[int, bytes]:
        status, body = await super().do_request(url, method, request_data, *args, **timeouts)
        if status == httpx.codes.TOO_MANY_REQUESTS:
            raise FloodWait(_retry_after(body))
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise ServerTrouble(status)
        return status, body

    @staticmethod
    def parse_json_payload(payload: bytes) -> Any:
        """As the library does it, without its log line that holds the whole answer."""
        try:
            return json.loads(payload)
        except (ValueError, RecursionError) as error:
            raise TelegramError("Invalid server response") from error


def file_client(base_url: str, token: SecretStr, *, connections: int) -> httpx.AsyncClient:
    """For Telegram's files, read as they come. Redirects are not followed."""
    return httpx.AsyncClient(
        transport=_TokenTransport(base_url, token, connections),
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, pool=POOL_SECONDS),
        headers={"Accept-Encoding": "identity"},  # what unfolds can't be measured before
    )


class _TokenTransport(httpx.AsyncBaseTransport):
    def __init__(self, base_url: str, token: SecretStr, connections: int) -> None:
        self._root = urlsplit(base_url).path
        self._token = token
        self._inner = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(max_connections=connections, keepalive_expiry=KEPT_SECONDS),
            proxy=environment_proxy(base_url),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._inner.handle_async_request(self._with_token(request))
        except Exception as error:
            # The frames below hold the address with the token, and some loggers print locals.
            raise error.with_traceback(None) from None

    def _with_token(self, request: httpx.Request) -> httpx.Request:
        token = self._token.get_secret_value()
        if not (token.isascii() and token.isprintable()):  # else the encoder's error shows the path
            raise InvalidToken("The token can't stand in an address.")
        path = request.url.raw_path.decode("ascii").removeprefix(self._root)
        for place in ("/bot", "/file/bot"):
            if path.startswith(f"{place}/"):
                path = f"{place}{token}{path.removeprefix(place)}"
                break
        url = request.url.copy_with(raw_path=f"{self._root}{path}".encode("ascii"))
        return httpx.Request(
            request.method,
            url,
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


def environment_proxy(base_url: str) -> str | None:
    """HTTPS_PROXY and NO_PROXY, which httpx leaves out where it is given a transport.

    Raises StartupError for a proxy that can't be used; its words show no password of one.
    """
    parts = urlsplit(base_url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    proxies = getproxies()
    kind = parts.scheme if proxies.get(parts.scheme) else "all"
    given = proxies.get(kind)
    if not given:
        return None
    proxy = given if "://" in given else f"http://{given}"
    if not _can_be_used(proxy):
        raise StartupError(
            f"Telegram can't be reached by the proxy in {kind.upper()}_PROXY: set "
            f"{parts.scheme.upper()}_PROXY to one that begins with http://, or add "
            f"{parts.hostname} to NO_PROXY."
        )
    return proxy


def _can_be_used(proxy: str) -> bool:
    try:
        scheme = httpx.Proxy(proxy).url.scheme
    except (ValueError, httpx.InvalidURL):
        return False
    return not scheme.startswith("socks") or find_spec("socksio") is not None


def _retry_after(body: bytes) -> float:
    try:
        answer: Any = json.loads(body)
        return max(float(answer["parameters"]["retry_after"]), 1.0)
    except (ValueError, KeyError, TypeError):
        return FLOOD_SECONDS
