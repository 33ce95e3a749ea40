"""What a provider's claims and document say, and which settings could let the wrong ones in."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bots.admin.oidc.identity import groups_of, identity_of, role_of
from bots.admin.oidc.provider import ProviderAway, document_of
from bots.admin.oidc.settings import OidcSettings

ISSUER = "https://login.example.org"
GOOD = {"issuer": ISSUER, "client_id": "outrider", "viewer_groups": "Everybody"}
DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
}


@pytest.mark.parametrize(
    ("claims", "claim", "found"),
    [
        ({"groups": ["a", "b"]}, "groups", {"a", "b"}),
        ({"groups": "a"}, "groups", {"a"}),
        ({"groups": []}, "groups", set()),
        ({"groups": ["a", 7, None, ["b"]]}, "groups", {"a"}),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", {"a"}),
        ({"https://x.example/groups": ["a"]}, "https://x.example/groups", {"a"}),
        ({"realm_access": "a"}, "realm_access.roles", None),
        ({"groups": {"a": True}}, "groups", None),
        ({}, "groups", None),
    ],
)
def test_groups_are_found_where_the_setting_says(
    claims: dict[str, Any], claim: str, found: set[str] | None
) -> None:
    assert groups_of(claims, claim) == (None if found is None else frozenset(found))


def test_who_is_in_no_group_has_no_role_and_the_highest_counts() -> None:
    settings = OidcSettings(**GOOD, admin_groups="a, Two Words", operator_groups=["o"])
    assert role_of(frozenset({"Two Words", "o"}), settings) == "admin"
    assert role_of(frozenset({"o", "Everybody"}), settings) == "operator"
    assert role_of(frozenset({"Everybody"}), settings) == "viewer"
    assert role_of(frozenset({"Two", "everybody", ""}), settings) is None
    assert role_of(frozenset(), settings) is None
    assert role_of(None, settings) is None


def test_a_name_is_short_and_seen_and_never_says_who_it_is() -> None:
    claims = {
        "sub": "7",
        "preferred_username": "a\u202e\x00b" + "c" * 500,
        "email": "x@example.org",
    }
    found = identity_of(ISSUER, claims, "groups")
    assert found.subject == f"{ISSUER}#7"
    assert found.name == "ab" + "c" * 98
    assert identity_of(ISSUER, {"sub": "7"}, "groups").name == "7"
    assert identity_of(ISSUER, {"sub": "7", "name": 5, "email": "e"}, "groups").name == "e"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"issuer": "https://elsewhere.example"}, "calls itself"),
        ({"issuer": None}, "calls itself"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no https address"),
        ({"token_endpoint": "http://login.example.org/token"}, "no https address"),
        ({"jwks_uri": None}, "no https address"),
        ({"userinfo_endpoint": "ftp://login.example.org"}, "no https address"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "no algorithm"),
    ],
)
def test_a_document_that_is_not_safe_is_of_no_use(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ProviderAway, match=said):
        document_of(ISSUER, {**DOCUMENT, **changed})


def test_of_the_algorithms_only_those_with_a_public_key_are_taken() -> None:
    named = {"id_token_signing_alg_values_supported": ["none", "HS256", "ES256", "RS256"]}
    assert document_of(ISSUER, {**DOCUMENT, **named}).algorithms == {"ES256", "RS256"}
    assert document_of(ISSUER, DOCUMENT).algorithms == {"RS256"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"issuer": "http://login.example.org"}, "https://"),
        ({"issuer": "login.example.org"}, "https://"),
        ({"redirect_url": "http://chat.example.org/x"}, "https://"),
        ({"client_id": " "}, "client_id is needed"),
        ({"viewer_groups": ""}, "nobody could sign in"),
        ({"scopes": "profile"}, "openid"),
    ],
)
def test_settings_that_would_let_in_nobody_or_anybody_are_refused(
    changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        OidcSettings(**{**GOOD, **changed})


def test_without_an_issuer_all_of_it_is_off() -> None:
    assert OidcSettings(issuer="", client_id="x").issuer is None
