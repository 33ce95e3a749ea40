"""What the page and other programs may have people do, by name."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from tests.fakes.slack.people import People
from tests.fakes.slack.server import FakeSlack
from tests.fakes.slack.workspace import Message

Given = dict[str, Any]
Act = Callable[[FakeSlack, People, Given], Any]


def act(slack: FakeSlack, name: str, given: Given) -> Any:
    """Raises KeyError or LookupError for what there is not."""
    workspace = slack.state.workspaces[given.get("team") or slack.workspace.team_id]
    people = People(slack.state, workspace)
    workspace.person(given["user"])
    return _ACTS[name](slack, people, given)


def escaped(text: str) -> str:
    """What Slack's own client does with what a person types."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _say(slack: FakeSlack, people: People, given: Given) -> Any:
    """`@Outrider` and `@channel` become what Slack's client makes of them."""
    text = escaped(given["text"]).replace("@Outrider", f"<@{people.workspace.bot_user_id}>")
    for word in ("channel", "here", "everyone"):
        text = text.replace(f"@{word}", f"<!{word}>")
    return people.write(given["channel"], given["user"], text, thread_ts=given.get("thread", "")).ts


def _message(people: People, given: Given) -> Message:
    found = people.workspace.find(given["channel"], given["ts"])
    if found is None:
        raise LookupError("There is no such message.")
    return found


def _edit(slack: FakeSlack, people: People, given: Given) -> None:
    people.edit(_message(people, given), escaped(given["text"]))


def _delete(slack: FakeSlack, people: People, given: Given) -> None:
    people.delete(_message(people, given))


def _press(slack: FakeSlack, people: People, given: Given) -> None:
    chosen = {"value": given["value"]} if "value" in given else {}
    people.press(_message(people, given), given["user"], given["action_id"], **chosen)


def _press_in_home(slack: FakeSlack, people: People, given: Given) -> None:
    people.press_in_home(given["user"], given["action"])


def _command(slack: FakeSlack, people: People, given: Given) -> None:
    name, _, text = str(given["text"]).partition(" ")
    people.command(given["channel"], given["user"], name, text)


def _shortcut(slack: FakeSlack, people: People, given: Given) -> None:
    people.use_shortcut(_message(people, given), given["user"], given["callback_id"])


def _submit(slack: FakeSlack, people: People, given: Given) -> None:
    people.submit(given["view_id"], given["user"], given["values"])


def _close(slack: FakeSlack, people: People, given: Given) -> None:
    people.workspace.views.pop(given["view_id"], None)


def _share(slack: FakeSlack, people: People, given: Given) -> str:
    made = people.file(given["name"], base64.b64decode(given["data"]), given["mimetype"])
    text, thread = escaped(given.get("text", "")), given.get("thread", "")
    return people.share(given["channel"], given["user"], made, text=text, thread_ts=thread).ts


def _open_home(slack: FakeSlack, people: People, given: Given) -> None:
    people.open_home(given["user"], given.get("tab", "home"))


def _open_assistant(slack: FakeSlack, people: People, given: Given) -> str:
    return people.open_assistant(given["user"], looking_at=given.get("looking_at", "")).ts


def _stop_stream(slack: FakeSlack, people: People, given: Given) -> None:
    people.stop_stream(_message(people, given))


def _other_bot(slack: FakeSlack, people: People, given: Given) -> str:
    thread = given.get("thread", "")
    return people.other_bot_says(given["channel"], given["text"], thread_ts=thread).ts


def _uninstall(slack: FakeSlack, people: People, given: Given) -> None:
    people.uninstall()


_ACTS: dict[str, Act] = {
    "close": _close,
    "command": _command,
    "delete": _delete,
    "edit": _edit,
    "open_assistant": _open_assistant,
    "open_home": _open_home,
    "other_bot": _other_bot,
    "press": _press,
    "press_in_home": _press_in_home,
    "say": _say,
    "share": _share,
    "shortcut": _shortcut,
    "stop_stream": _stop_stream,
    "submit": _submit,
    "uninstall": _uninstall,
}
