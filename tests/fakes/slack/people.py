"""What people do in one workspace, and what there is to see there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.fakes.slack import interactions
from tests.fakes.slack.delivery_note import Delivery
from tests.fakes.slack.events import EventFactory
from tests.fakes.slack.files import SlackFile
from tests.fakes.slack.responses import answered
from tests.fakes.slack.state import State
from tests.fakes.slack.workspace import Channel, Message, Version, Workspace


class People:
    """The people of one workspace. `FakeSlack` is those of its first one."""

    def __init__(self, state: State, workspace: Workspace) -> None:
        self.state = state
        self.workspace = workspace

    @property
    def events(self) -> EventFactory:
        return self.state.events_of[self.workspace.team_id]

    # --- messages

    def dm(self, user: str, text: str, *, channel: str = "", thread_ts: str = "") -> Message:
        """A direct message to the bot, in the chat `D<user>` unless told otherwise."""
        channel_id = channel or f"D{user}"
        message = self.workspace.add(channel_id, user, Version(text), thread_ts=thread_ts)
        self._tell(self.events.message(self.workspace.channel(channel_id), message))
        return message

    def write(self, channel: str, user: str, text: str, *, thread_ts: str = "") -> Message:
        """A message in a channel. One that calls the bot comes as two events, as Slack does it."""
        message = self.workspace.add(channel, user, Version(text), thread_ts=thread_ts)
        self._tell_written(message)
        return message

    def mention(self, channel: str, user: str, text: str, *, thread_ts: str = "") -> Message:
        called = f"<@{self.workspace.bot_user_id}> {text}"
        return self.write(channel, user, called, thread_ts=thread_ts)

    def bot_writes(self, channel: str, text: str, metadata: Mapping[str, Any]) -> Message:
        """Another app's message, which nobody tells us of."""
        user, bot_id = "U0OTHER", "B0OTHER"
        return self.workspace.add(channel, user, Version(text), metadata=metadata, bot_id=bot_id)

    def other_bot_says(self, channel: str, text: str, *, thread_ts: str = "") -> Message:
        """Another app's message, which comes to us as an event."""
        message = self.workspace.add(
            channel, "U0OTHER", Version(text), thread_ts=thread_ts, bot_id="B0OTHER"
        )
        self._tell_written(message)
        return message

    def share(
        self,
        channel: str,
        user: str,
        *files: SlackFile,
        text: str = "",
        thread_ts: str = "",
    ) -> Message:
        """A message with files (`file` makes them)."""
        message = self.workspace.add(
            channel,
            user,
            Version(text),
            thread_ts=thread_ts,
            subtype="file_share",
            files=list(files),
        )
        self._tell_written(message)
        return message

    def file(
        self, name: str, content: bytes, mimetype: str = "text/plain", *, mode: str = "hosted"
    ) -> SlackFile:
        made = self.state.add_file(name, content, mimetype, "")
        made.mode = mode
        return made

    def forward(self, message: Message, channel: str, user: str, text: str = "") -> Message:
        """Slack's "share message": the other's text stands in an attachment."""
        sent = self.workspace.add(channel, user, Version(text))
        author = self.workspace.person(message.user).name
        sent.attachments = [
            {
                "is_share": True,
                "is_msg_unfurl": True,
                "channel_id": message.channel,
                "ts": message.ts,
                "author_id": message.user,
                "author_name": author,
                "text": message.now.text,
                "fallback": f"[{author}] {message.now.text}",
                "from_url": f"https://fake.slack.com/archives/{message.channel}/p{message.ts}",
            }
        ]
        if message.files:
            sent.attachments[0]["files"] = [one.payload() for one in message.files]
        self._tell_written(sent)
        return sent

    def join(self, channel: str, user: str) -> Message:
        text = f"<@{user}> has joined the channel"
        message = self.workspace.add(channel, user, Version(text), subtype="channel_join")
        self._tell(self.events.message(self.workspace.channel(channel), message))
        return message

    def outsider(self, user: str, team_id: str = "T0ELSEWHERE", channel: str = "") -> None:
        """Make this person one of another company, and the channel shared with it."""
        self.workspace.person(user, team_id=team_id)
        if channel:
            self.workspace.channel(channel).is_ext_shared = True

    def edit(self, message: Message, text: str) -> None:
        before = message.payload()
        message.edit(Version(text))
        self._tell(self.events.changed(self._channel(message), before, message.payload()))

    def unfurl(self, message: Message, shown: Mapping[str, Any] | None = None) -> None:
        """A link got its preview: message_changed, and the text is what it was."""
        before = message.payload()
        page = {"title": "A page", "text": "of somebody", "from_url": "https://example.com"}
        message.attachments = [dict(shown or page)]
        self._tell(self.events.changed(self._channel(message), before, message.payload()))

    def delete(self, message: Message) -> None:
        message.deleted = True
        self._tell(self.events.deleted(self._channel(message), message.payload()))

    # --- controls

    def press(
        self, message: Message, user: str, action_id: str = "stop", **chosen: Any
    ) -> Delivery:
        """`value="…"` says which of two feedback buttons."""
        body = interactions.pressed(self.state, self.workspace, message, action_id, user, **chosen)
        return self._interact(body)

    def press_in_home(self, user: str, action: Mapping[str, Any]) -> Delivery:
        """A control of the home tab: `action` has its action_id, and what was chosen."""
        home = self.workspace.homes[user]
        body = interactions.pressed_in_view(self.state, self.workspace, home, action, user)
        return self._interact(body)

    def use_shortcut(self, message: Message, user: str, callback_id: str) -> Delivery:
        body = interactions.shortcut(self.state, self.workspace, message, callback_id, user)
        return self._interact(body)

    def submit(self, view_id: str, user: str, values: dict[str, Any]) -> Delivery:
        """A modal's form, closed unless the answer says otherwise."""
        view = self.workspace.views[view_id]
        body = interactions.submitted(self.state, self.workspace, view, values, user)

        def take(answer: Any) -> None:
            action = answer.get("response_action") if isinstance(answer, dict) else None
            if action == "errors":
                view["errors"] = answer["errors"]
            elif action != "update":
                self.workspace.views.pop(view_id, None)

        return self.state.courier.deliver("interactive", body, take)

    def command(self, channel: str, user: str, name: str, text: str = "") -> Delivery:
        """A slash command; what the acknowledgement says is shown to the person alone."""
        body = interactions.command(self.state, self.workspace, channel, user, name, text)

        def take(answer: Any) -> None:
            answered(self.state, (self.workspace, channel, user, None), answer)

        return self.state.courier.deliver("slash_commands", body, take)

    def stop_stream(self, message: Message) -> None:
        """Slack's own stop button on a streaming message."""
        if message.stream is None:
            raise LookupError(f"The message {message.ts} is no stream.")
        message.stream.ended = "stopped_by_user"

    # --- the app

    def open_home(self, user: str, tab: str = "home") -> None:
        """The app's home: its tab `home`, or `messages`, which is the agent view."""
        self.workspace.person(user)
        channel = self.workspace.channel(f"D{user}")
        view = self.workspace.homes.get(user)
        self._tell(self.events.home_opened(channel, user, tab, view))

    def open_assistant(self, user: str, *, looking_at: str = "") -> Message:
        """A new thread in the legacy assistant view."""
        workspace = self.workspace
        workspace.person(user)
        root = workspace.add(
            f"D{user}",
            workspace.bot_user_id,
            Version("New Assistant Thread"),
            subtype="assistant_app_thread",
        )
        root.thread_ts = root.ts
        self._tell(self.events.thread_started(root, user, looking_at))
        return root

    def uninstall(self) -> None:
        """An admin takes the app away: its tokens are dead, and Slack says so twice."""
        self._tell(self.events.tokens_revoked())
        self._tell(self.events.uninstalled())
        self.workspace.dead_tokens[self.workspace.token] = "account_inactive"
        self.workspace.installed = False

    def revoke(self) -> None:
        self.workspace.dead_tokens[self.workspace.token] = "token_revoked"
        self._tell(self.events.tokens_revoked())

    # --- what there is to see

    def messages(self, channel: str) -> list[Message]:
        return list(self.workspace.channel(channel).messages.values())

    def replies(self, channel: str) -> list[Message]:
        """What the bot wrote there and what still stands, oldest first."""
        own = self.workspace.bot_id
        return [m for m in self.messages(channel) if m.bot_id == own and not m.deleted]

    def _channel(self, message: Message) -> Channel:
        return self.workspace.channel(message.channel)

    def _tell_written(self, message: Message) -> None:
        place = self._channel(message)
        self._tell(self.events.message(place, message))
        if place.kind != "im" and f"<@{self.workspace.bot_user_id}>" in message.now.text:
            self._tell(self.events.app_mention(place, message))

    def _interact(self, body: dict[str, Any]) -> Delivery:
        return self.state.courier.deliver("interactive", body)

    def _tell(self, body: dict[str, Any]) -> None:
        self.state.tell(self.workspace, body)
