"""The bot's token is sent to Slack's own hosts alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.slack.reading.files import is_slacks

SLACK = "https://slack.com/api/"


@pytest.mark.parametrize(
    ("address", "base_url"),
    [
        ("https://files.slack.com/files-pri/T1-F1/a.txt", SLACK),
        ("https://files.slack.com:443/files-pri/T1-F1/a.txt", SLACK),
        ("https://FILES.slack.com/a", "http://127.0.0.1:8000/api/"),
        ("http://127.0.0.1:8000/files-pri/F1/a.txt", "http://127.0.0.1:8000/api/"),
    ],
)
def test_slacks_file_host_and_the_server_of_the_settings_are_trusted(
    address: str, base_url: str
) -> None:
    assert is_slacks(address, base_url)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "files.slack.com/a",
        "//files.slack.com/a",
        "http://files.slack.com/a",
        "https://files.slack.com:8443/a",
        "https://files.slack.com.example.com/a",
        "https://files.slack.com@example.com/a",
        "https://me:you@files.slack.com/a",
        "https://example.com/files.slack.com",
        "https://xfiles.slack.com/a",
        "https://slack-files.com/a",
        "ftp://files.slack.com/a",
        "file:///etc/passwd",
        "https://[files.slack.com/a",
        "https://files.slack.com:x/a",
    ],
)
def test_no_other_address_is(address: str) -> None:
    assert not is_slacks(address, SLACK)


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8000/api/", "https://127.0.0.1/api/"])
def test_another_port_or_scheme_is_another_server(base_url: str) -> None:
    assert not is_slacks("http://127.0.0.1:9000/a", base_url)


@given(st.text(max_size=40) | st.text(max_size=20).map(lambda one: f"https://{one}"))
def test_any_text_is_a_yes_or_a_no(address: str) -> None:
    assert is_slacks(address, SLACK) in (True, False)
