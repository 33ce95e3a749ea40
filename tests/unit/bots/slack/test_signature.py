"""Slack's v0 signature, against the example in its documentation and against its own library."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from slack_sdk.signature import SignatureVerifier

from bots.slack.signature import refusal

SECRET = SecretStr("8f742231b10e8888abcd99yyyzzz85a5")
TIMESTAMP = "1531420618"
NOW = 1531420618.0
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
    b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
    b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
    b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


def test_the_documented_example_is_taken() -> None:
    assert refusal(SECRET, TIMESTAMP, SIGNATURE, BODY, NOW) is None


@given(st.text(), st.integers(0, 10**11))
def test_what_slacks_own_library_signs_is_taken(body: str, now: int) -> None:
    raw = body.encode("utf-8", "replace")
    signature = SignatureVerifier(SECRET.get_secret_value()).generate_signature(
        timestamp=str(now), body=raw
    )
    assert signature is not None
    assert refusal(SECRET, str(now), signature, raw, now) is None


@pytest.mark.parametrize("seconds", [-300.0, 300.0])
def test_the_window_is_five_minutes_to_either_side(seconds: float) -> None:
    assert refusal(SECRET, TIMESTAMP, SIGNATURE, BODY, NOW + seconds) is None
    assert refusal(SECRET, TIMESTAMP, SIGNATURE, BODY, NOW + seconds * 1.01) is not None


@given(st.text(), st.text(), st.binary())
def test_arbitrary_headers_and_bodies_are_refused(
    timestamp: str, signature: str, body: bytes
) -> None:
    assert refusal(SECRET, timestamp, signature, body, NOW) is not None
    assert refusal(SECRET, TIMESTAMP, signature, body, NOW) is not None


def test_a_signature_of_another_secret_or_body_is_refused() -> None:
    assert refusal(SecretStr("other"), TIMESTAMP, SIGNATURE, BODY, NOW) is not None
    assert refusal(SECRET, TIMESTAMP, SIGNATURE, BODY + b"&", NOW) is not None
    assert refusal(SECRET, "1531420619", SIGNATURE, BODY, NOW) is not None


@pytest.mark.parametrize("secret", [None, SecretStr("")])
def test_without_a_secret_nothing_is_taken(secret: SecretStr | None) -> None:
    assert refusal(secret, TIMESTAMP, SIGNATURE, BODY, NOW) is not None
