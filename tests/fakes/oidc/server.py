"""A small OpenID Connect provider: code flow with PKCE, signed ID tokens, keys that turn over.

It is as strict as the large ones: a code is good once, for its client, its redirect address and its
verifier. What it shall do wrong is set on it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID = "outrider at work"
CLIENT_SECRET = "the client's: secret"


@dataclass(frozen=True)
class Someone:
    sub: str = "4711"
    name: str = "ana"
    groups: tuple[str, ...] = ("Outrider Admins",)


@dataclass
class Wrong:
    """What the next ID token says, or how it is made, against the rules."""

    claims: dict[str, Any] = field(default_factory=dict)  # None takes one out
    algorithm: str = "RS256"
    stranger: bool = False  # signed with another key of the same name
    userinfo_sub: str | None = None
    iss: str | None = None  # what comes back in the address


@dataclass
class OidcProvider:
    """`someone` signs in without being asked; `denies` refuses them at the provider's page."""

    someone: Someone = Someone()
    denies: bool = False
    away: bool = False
    groups_in: str = "id_token"  # or "userinfo"
    methods: tuple[str, ...] = ("client_secret_basic", "client_secret_post")
    wrong: Wrong = field(default_factory=Wrong)
    url: str = ""
    called: list[str] = field(default_factory=list)
    used_auth: list[str] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)
    _key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _tokens: dict[str, Someone] = field(default_factory=dict)

    def turn_keys_over(self) -> None:
        self._key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[OidcProvider]:
        app = web.Application(middlewares=[self._watch])
        app.router.add_get("/.well-known/openid-configuration", self._document)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        app.router.add_get("/keys", self._keys)
        app.router.add_get("/userinfo", self._userinfo)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    @web.middleware
    async def _watch(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.called.append(request.path)
        if self.away:
            return web.Response(status=503)
        return await handler(request)  # type: ignore[no-any-return]

    async def _document(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                "token_endpoint_auth_methods_supported": list(self.methods),
            }
        )

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = self.asked = dict(request.query)
        assert asked["response_type"] == "code" and "openid" in asked["scope"].split()
        assert asked["client_id"] == CLIENT_ID and asked["code_challenge_method"] == "S256"
        back = {"state": asked["state"], "iss": self.wrong.iss or self.url}
        if self.denies:
            back["error"] = "access_denied"
        else:
            back["code"] = secrets.token_urlsafe(16)
            self._codes[back["code"]] = asked
        raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode(back)}")

    async def _token(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        if not self._is_client(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        asked = self._codes.pop(str(form.get("code")), None)
        verifier = str(form.get("code_verifier", "")).encode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=")
        if (
            asked is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != asked["redirect_uri"]
            or challenge.decode() != asked["code_challenge"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        access = secrets.token_urlsafe(16)
        self._tokens[access] = self.someone
        return web.json_response(
            {
                "access_token": access,
                "token_type": "Bearer",
                "id_token": self._id_token(asked["nonce"]),
            }
        )

    def _is_client(self, request: web.Request, form: Mapping[str, Any]) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic" and "client_secret_basic" in self.methods:
            self.used_auth.append("client_secret_basic")
            name, _, secret = base64.b64decode(given).decode().partition(":")
            return (unquote(name), unquote(secret)) == (CLIENT_ID, CLIENT_SECRET)
        self.used_auth.append("client_secret_post")
        given_pair = form.get("client_id"), form.get("client_secret")
        return "client_secret_post" in self.methods and given_pair == (CLIENT_ID, CLIENT_SECRET)

    def _id_token(self, nonce: str) -> str:
        now, wrong = int(time.time()), self.wrong
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": self.someone.sub,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "preferred_username": self.someone.name,
        }
        if self.groups_in == "id_token":
            claims["groups"] = list(self.someone.groups)
        claims = {k: v for k, v in {**claims, **wrong.claims}.items() if v is not None}
        return self._signed(claims)

    def _signed(self, claims: dict[str, Any]) -> str:
        header = {"alg": self.wrong.algorithm, "kid": self._key.kid}
        if self.wrong.algorithm == "none":
            return ".".join((_part(header), _part(claims), ""))
        if self.wrong.algorithm == "HS256":  # with what everybody may read as the secret
            head, secret = f"{_part(header)}.{_part(claims)}", self._key.as_pem(private=False)
            return f"{head}.{_text(hmac.digest(secret, head.encode(), 'sha256'))}"
        stranger = RSAKey.generate_key(2048, {"kid": self._key.kid})
        return jwt.encode(header, claims, stranger if self.wrong.stranger else self._key)

    async def _keys(self, _: web.Request) -> web.Response:
        public = self._key.as_dict(private=False)
        return web.json_response({"keys": [{**public, "use": "sig", "alg": "RS256"}]})

    async def _userinfo(self, request: web.Request) -> web.Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        someone = self._tokens.get(token)
        if someone is None:
            return web.Response(status=401)
        sub = self.wrong.userinfo_sub or someone.sub
        return web.json_response({"sub": sub, "groups": list(someone.groups)})


def _part(value: Mapping[str, Any]) -> str:
    return _text(json.dumps(value).encode())


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
