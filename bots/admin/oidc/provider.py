"""The provider as we ask it: its own document, its keys, and what a code is worth.

Everything that it says over the browser is checked: the ID token's signature by the provider's
keys, who made it and for whom, its time, and that it answers what this browser began (nonce).
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from bots.admin.oidc.identity import Identity, groups_of, identity_of
from bots.admin.oidc.settings import OidcSettings, is_safe_address

DISCOVERY = "/.well-known/openid-configuration"
DOCUMENT_SECONDS = 3600.0
KEYS_SECONDS = 60.0  # a key that is not known asks for them anew, at most so often
LEEWAY_SECONDS = 60
SECONDS = 10.0  # of one call
SUBJECT_CHARACTERS = 255  # the standard's own limit
# Signed with a key that only the provider has: no shared secret, and never "none".
ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}
    | {"EdDSA", "Ed25519"}
)


class ProviderAway(Exception):
    """It can't be reached, or its document is of no use; `str()` says why, for the log."""


class TokenRefused(Exception):
    """The code, or what came for it, is not right; `str()` says why, for the log."""


@dataclass(frozen=True, slots=True)
class Document:
    """What the provider publishes about itself."""

    authorization: str
    token: str
    keys: str
    userinfo: str | None
    algorithms: frozenset[str]
    secret_in_body: bool  # it takes no client secret in a header


@dataclass(slots=True)
class Provider:
    """`http` follows no redirects; `clock` gives Unix seconds."""

    settings: OidcSettings
    http: httpx.AsyncClient
    clock: Callable[[], float]
    _document: Document | None = field(default=None, init=False)
    _read_at: float = field(default=-math.inf, init=False)
    _keys: KeySet | None = field(default=None, init=False)
    _keys_at: float = field(default=-math.inf, init=False)

    @property
    def issuer(self) -> str:
        return self.settings.issuer or ""

    @property
    def host(self) -> str:
        """As people read it on the button."""
        return urlsplit(self.issuer).hostname or ""

    async def address(self, state: str, nonce: str, verifier: str, redirect_url: str) -> str:
        """Where the browser is sent. Raises ProviderAway."""
        document = await self.document()
        return str(
            prepare_grant_uri(
                document.authorization,
                client_id=self.settings.client_id,
                response_type="code",
                redirect_uri=redirect_url,
                scope=list(self.settings.scopes),
                state=state,
                nonce=nonce,
                code_challenge=create_s256_code_challenge(verifier),
                code_challenge_method="S256",
            )
        )

    async def identity(self, code: str, nonce: str, verifier: str, redirect_url: str) -> Identity:
        """Who the code is about. Raises ProviderAway and TokenRefused."""
        tokens = await self._exchange(code, verifier, redirect_url)
        claims = await self._claims(tokens, nonce)
        found = identity_of(self.issuer, claims, self.settings.groups_claim)
        if found.groups is not None:
            return found
        return Identity(found.subject, found.name, await self._groups_elsewhere(tokens, claims))

    async def document(self) -> Document:
        """Raises ProviderAway."""
        if self._document is None or self._read_at + DOCUMENT_SECONDS < self.clock():
            answer = await self._get(self.issuer.rstrip("/") + DISCOVERY)
            self._document, self._read_at = document_of(self.issuer, answer), self.clock()
        return self._document

    async def _exchange(self, code: str, verifier: str, redirect_url: str) -> Mapping[str, Any]:
        document = await self.document()
        client_id, secret = self.settings.client_id or "", self.settings.client_secret
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_url,
            "code_verifier": verifier,
        }
        headers = {"accept": "application/json"}
        if secret is None or document.secret_in_body:
            form["client_id"] = client_id
        if secret is not None and document.secret_in_body:
            form["client_secret"] = secret.get_secret_value()
        elif secret is not None:  # each half is written as in a form first: RFC 6749, 2.3.1
            pair = f"{quote(client_id, safe='')}:{quote(secret.get_secret_value(), safe='')}"
            headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        try:
            answer = await self.http.post(document.token, data=form, headers=headers)
        except httpx.HTTPError as error:
            raise ProviderAway(f"token endpoint: {type(error).__name__}") from error
        if answer.status_code >= 500:
            raise ProviderAway(f"token endpoint: {answer.status_code}")
        if answer.status_code != 200:
            raise TokenRefused(f"token endpoint: {answer.status_code} {_error_of(answer)}")
        return _object(answer)

    async def _claims(self, tokens: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """The ID token's, all of it checked. Raises TokenRefused."""
        given = tokens.get("id_token")
        if not isinstance(given, str):
            raise TokenRefused("no ID token came")
        try:
            token = await self._verified(given)
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": self.issuer},
                    "aud": {"essential": True, "value": self.settings.client_id},
                },
                {
                    "nonce": nonce,
                    "client_id": self.settings.client_id,
                    "access_token": tokens.get("access_token"),
                },
            )
            claims.validate(now=int(self.clock()), leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError) as error:
            raise TokenRefused(f"ID token: {error}") from error
        if not (0 < len(claims["sub"]) <= SUBJECT_CHARACTERS and claims["sub"].isprintable()):
            raise TokenRefused("ID token: sub is empty, too long or not printable")
        return dict(claims)

    async def _verified(self, token: str) -> jwt.Token:
        """One signed with a key that we don't know yet asks for the keys anew, then it counts."""
        document = await self.document()
        registry = JWSRegistry(algorithms=document.algorithms, strict_check_header=False)
        try:
            return jwt.decode(token, await self._key_set(), registry=registry)
        except InvalidKeyIdError:
            if self._keys_at + KEYS_SECONDS > self.clock():
                raise
        return jwt.decode(token, await self._key_set(anew=True), registry=registry)

    async def _key_set(self, *, anew: bool = False) -> KeySet:
        if self._keys is None or anew or self._keys_at + DOCUMENT_SECONDS < self.clock():
            found = await self._get((await self.document()).keys)
            if not isinstance(found.get("keys"), list):
                raise ProviderAway("its keys are no list")
            self._keys = KeySet.import_key_set({"keys": found["keys"]})
            self._keys_at = self.clock()
        return self._keys

    async def _groups_elsewhere(
        self, tokens: Mapping[str, Any], claims: Mapping[str, Any]
    ) -> frozenset[str] | None:
        """Of the user info, where the ID token says none."""
        address, token = (await self.document()).userinfo, tokens.get("access_token")
        if address is None or not isinstance(token, str):
            return None
        found = await self._get(address, {"authorization": f"Bearer {token}"})
        if found.get("sub") != claims["sub"]:
            raise TokenRefused("the user info is somebody else's")
        return groups_of(found, self.settings.groups_claim)

    async def _get(self, address: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        try:
            answer = await self.http.get(address, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderAway(f"{address}: {type(error).__name__}") from error
        if answer.status_code != 200:
            raise ProviderAway(f"{address}: {answer.status_code}")
        return _object(answer)


def document_of(issuer: str, given: Mapping[str, Any]) -> Document:
    """Raises ProviderAway for one that is another's, or that names an unsafe address."""
    if given.get("issuer") != issuer:
        raise ProviderAway(f"it calls itself {given.get('issuer')!r}, not {issuer!r}")

    def address(name: str) -> str:
        found = given.get(name)
        if not isinstance(found, str) or not is_safe_address(found):
            raise ProviderAway(f"its {name} is no https address")
        return found

    named = given.get("id_token_signing_alg_values_supported")
    said = {one for one in named if isinstance(one, str)} if isinstance(named, list) else set()
    algorithms = ALGORITHMS & (said or {"RS256"})
    if not algorithms:
        raise ProviderAway("it signs ID tokens by no algorithm with a public key")
    ways = given.get("token_endpoint_auth_methods_supported")
    return Document(
        authorization=address("authorization_endpoint"),
        token=address("token_endpoint"),
        keys=address("jwks_uri"),
        userinfo=address("userinfo_endpoint") if given.get("userinfo_endpoint") else None,
        algorithms=algorithms,
        secret_in_body=isinstance(ways, list)
        and "client_secret_basic" not in ways
        and "client_secret_post" in ways,
    )


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError as error:
        raise ProviderAway(f"{answer.url.path}: no JSON") from error
    if not isinstance(found, dict):
        raise ProviderAway(f"{answer.url.path}: no JSON object")
    return found


def _error_of(answer: httpx.Response) -> str:
    """The provider's short code of what is wrong, never what else it answered."""
    try:
        return str(answer.json().get("error", ""))[:100]
    except (ValueError, AttributeError):
        return ""
