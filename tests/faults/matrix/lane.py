"""A lane: its own servers, platforms and processes. Runs follow one another in it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.slack import FakeSlack
from tests.fakes.telegram import FakeTelegram, Limits
from tests.faults.matrix.child import Spec
from tests.faults.matrix.platform import Platform
from tests.faults.matrix.points import Role
from tests.faults.matrix.processes import Child, Post, Zygote
from tests.faults.matrix.servers import Postgres, Valkey
from tests.faults.matrix.slack import SCHEDULE, SlackPlatform
from tests.faults.matrix.talk import Talk
from tests.faults.matrix.telegram import TelegramPlatform


@dataclass(slots=True)
class Lane:
    folder: Path
    zygote: Zygote
    postgres: Postgres
    valkey: Valkey
    platforms: Mapping[str, Platform]
    environment: Mapping[str, str]
    talk: Talk
    posts: dict[Role, list[Post]] = field(default_factory=lambda: {"gateway": [], "worker": []})
    _deaths_before: int = 0

    async def man(self, gateways: int, workers: int) -> None:
        """Have exactly so many processes."""
        wanted: dict[Role, int] = {"gateway": gateways, "worker": workers}
        for role, number in wanted.items():
            posts = self.posts[role]
            while len(posts) > number:
                post = posts.pop()
                await post.end()
                self._deaths_before += post.deaths
            while len(posts) < number:
                posts.append(self._post(role, len(posts) + 1))
                await posts[-1].begin()

    def living(self, role: Role) -> Sequence[Child]:
        return [post.now for post in self.posts[role] if not post.now.ended.is_set()]

    @property
    def everybody(self) -> Sequence[Child]:
        return [*self.living("gateway"), *self.living("worker")]

    @property
    def deaths(self) -> int:
        """How often a process died, by our hand or by itself."""
        now = sum(post.deaths for posts in self.posts.values() for post in posts)
        return self._deaths_before + now

    async def tell(self, **order: object) -> None:
        await asyncio.gather(*(child.order(**order) for child in self.everybody))

    async def set_pace(self, seconds: float | None) -> None:
        """How fast the platform is written to, also by those that come later."""
        for post in (post for posts in self.posts.values() for post in posts):
            post.pace = seconds
        await self.tell(pace=seconds)

    def logs(self) -> Sequence[Path]:
        return sorted(self.folder.glob("*.log"))

    async def end(self) -> None:
        await self.man(0, 0)

    def _post(self, role: Role, number: int) -> Post:
        log = str(self.folder / f"{role}-{number}.log")
        return Post(self.zygote, Spec(role, str(self.folder), log, self.environment))


@asynccontextmanager
async def lane(
    folder: Path, template: Path, zygote: Zygote, talk: Talk, models: Path | None
) -> AsyncIterator[Lane]:
    """A lane with its servers and platforms; its processes come with the first run.

    `models`: a data directory that has the demo model.
    """
    (folder / "data").mkdir(parents=True)
    if models is not None:
        (folder / "data" / "models").symlink_to(models / "models")
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder / "postgres", ignore_errors=True)
        telegram = await stack.enter_async_context(FakeTelegram(limits=Limits.none()))
        slack = await stack.enter_async_context(FakeSlack(schedule=SCHEDULE))
        postgres, valkey = Postgres.copied(template, folder), Valkey(folder)
        stack.push_async_callback(postgres.stop)
        await postgres.start()
        stack.push_async_callback(valkey.stop)
        await valkey.start()
        made = Lane(
            folder=folder,
            zygote=zygote,
            postgres=postgres,
            valkey=valkey,
            platforms={"telegram": TelegramPlatform(telegram), "slack": SlackPlatform(slack)},
            environment=_environment(folder, postgres, valkey, telegram, slack, talk),
            talk=talk,
        )
        stack.push_async_callback(made.end)
        yield made


def _environment(
    folder: Path,
    postgres: Postgres,
    valkey: Valkey,
    telegram: FakeTelegram,
    slack: FakeSlack,
    talk: Talk,
) -> Mapping[str, str]:
    settings = {
        "PORT": "0",
        "DATA_DIR": str(folder / "data"),
        "DATABASE_URL": postgres.url,
        "REDIS_URL": valkey.url,
        "LOG__FORMAT": "json",
        "TELEGRAM__TOKEN": telegram.token,
        "TELEGRAM__BASE_URL": telegram.url,
        "TELEGRAM__ACCESS": "open",
        "SLACK__BOT_TOKEN": slack.bot_token,
        "SLACK__APP_TOKEN": slack.app_token,
        "SLACK__BASE_URL": slack.url,
        **talk.settings,
    }
    return {f"OUTRIDER_{name}": value for name, value in settings.items()}
