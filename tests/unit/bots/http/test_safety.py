import re

import pytest
from pydantic import SecretStr

from assistant.errors import StartupError
from bots.http.safety import HttpSafety, same_secret


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "chat.example.org"])
def test_nothing_starts_without_a_password_where_others_can_connect(host):
    with pytest.raises(StartupError, match="OUTRIDER_ADMIN__PASSWORD"):
        HttpSafety(host=host, session_secret=b"s" * 32)
    HttpSafety(host=host, session_secret=b"s" * 32, password=SecretStr("x"))


@pytest.mark.parametrize("name", ["chat.example.org", "*.example.org", "192.168.1.5"])
def test_nor_where_a_proxy_brings_others_under_a_name(name):
    names = ("localhost", name)
    with pytest.raises(StartupError, match=f"{re.escape(name)}.*set OUTRIDER_ADMIN__PASSWORD"):
        HttpSafety(host="127.0.0.1", session_secret=b"s" * 32, allowed_hosts=names)
    secret = SecretStr("x")
    HttpSafety("127.0.0.1", b"s" * 32, password=secret, allowed_hosts=names)


def test_another_name_of_this_machine_needs_none():
    names = ("LOCALHOST", "chat.localhost", "*.localhost", "127.0.0.2", "::1")
    HttpSafety(host="127.0.0.1", session_secret=b"s" * 32, allowed_hosts=names)


def test_an_empty_password_is_none():
    with pytest.raises(StartupError, match="empty"):
        HttpSafety(host="127.0.0.1", session_secret=b"s" * 32, password=SecretStr(""))


def test_a_short_secret_is_refused_and_none_is_shown():
    with pytest.raises(StartupError, match="32 bytes"):
        HttpSafety(host="127.0.0.1", session_secret=b"short")


def test_secrets_are_compared_whole():
    assert same_secret("abc", SecretStr("abc"))
    assert not same_secret("ab", SecretStr("abc"))
    assert not same_secret("", SecretStr("abc"))
    assert not same_secret("\ud800", SecretStr("abc"))
