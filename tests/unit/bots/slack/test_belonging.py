"""To which workspace something belongs that came from Slack."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.slack.install.belonging import (
    Belonging,
    is_everybodys,
    leaves,
    of_event,
    of_interaction,
    of_slash,
)

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["authorizations", "team_id", "team", "id", "event", "type", "view", "message"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def test_an_event_belongs_to_who_let_us_hear_it_and_not_to_who_said_it() -> None:
    heard = {"team_id": "T1", "enterprise_id": None, "user_id": "U1"}
    body = {"team_id": "T9", "context_team_id": "T8", "authorizations": [heard]}
    assert of_event(body) == Belonging(("T1",))


@pytest.mark.parametrize("given", [[], None, "x", [None], [{"team_id": None}]])
def test_an_event_without_an_authorization_belongs_to_the_workspace_that_it_names(
    given: object,
) -> None:
    assert of_event({"authorizations": given, "team_id": "T1"}) == Belonging(("T1",))
    named = {"authorizations": given, "context_team_id": "T1", "team_id": "T9"}
    assert of_event(named).teams[0] == "T1"


def test_an_event_of_an_organisation_names_it() -> None:
    heard = {"team_id": None, "enterprise_id": "E1", "is_enterprise_install": True}
    assert of_event({"team_id": "T1", "authorizations": [heard]}) == Belonging(("E1",))


def test_a_press_belongs_to_whose_message_it_is_before_whose_finger() -> None:
    press = {
        "type": "block_actions",
        "team": {"id": "T9"},
        "user": {"id": "U1", "team_id": "T9"},
        "message": {"bot_id": "B1", "team": "T1"},
    }
    assert of_interaction(press) == Belonging(("T1", "T9"), "B1")


def test_a_shortcut_belongs_to_where_it_was_used_whosever_the_message() -> None:
    used = {
        "type": "message_action",
        "team": {"id": "T1"},
        "user": {"id": "U1", "team_id": "T1"},
        "message": {"bot_id": "B9", "team": "T9"},
    }
    assert of_interaction(used) == Belonging(("T1",))


def test_a_form_belongs_to_where_its_app_is_installed() -> None:
    form = {"team": {"id": "T9"}, "view": {"app_installed_team_id": "T1", "team_id": "T9"}}
    assert of_interaction(form) == Belonging(("T1",))


def test_a_home_tabs_control_and_a_slash_command_name_their_workspace() -> None:
    pressed = {"type": "block_actions", "team": {"id": "T1"}, "view": {"id": "V1"}}
    assert of_interaction(pressed) == Belonging(("T1",))
    assert of_slash({"team_id": "T1", "command": "/outrider"}) == Belonging(("T1",))


def test_an_interaction_in_an_organisation_names_the_persons_workspace_where_it_has_no_other() -> (
    None
):
    used = {"team": None, "enterprise": {"id": "E1"}, "user": {"team_id": "T1"}}
    assert of_interaction(used) == Belonging(("E1", "T1"))


def test_what_happens_in_a_shared_channel_may_be_for_others_too() -> None:
    shared = {"is_ext_shared_channel": True}
    assert is_everybodys(shared | {"event": {"channel": "C1"}})
    assert not is_everybodys(shared | {"event": {"channel": "D1"}})
    assert not is_everybodys({"is_ext_shared_channel": False, "event": {"channel": "C1"}})


@pytest.mark.parametrize("kind", ["app_uninstalled", "tokens_revoked"])
def test_a_workspace_says_that_it_leaves(kind: str) -> None:
    assert leaves({"event": {"type": kind}})
    assert not leaves({"event": {"type": "message"}, "type": kind})


@given(JSON)
def test_whatever_comes_gives_an_answer(body: Any) -> None:
    for belonging in (of_event(body), of_interaction(body), of_slash(body)):
        assert all(isinstance(one, str) and one for one in belonging.teams)
    assert {leaves(body), is_everybodys(body)} <= {True, False}


def test_an_event_without_a_word_for_its_kind_is_no_leaving() -> None:
    assert not leaves({"event": {"type": ["tokens_revoked"]}})
