"""The command `outrider`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

import typer

from assistant.errors import AssistantError
from bots.heap import look_rarely
from bots.settings import Settings, load_settings
from inference.errors import EngineError

END_SECONDS = 4.0  # after what is drained all is over, whatever hangs
STEP_SECONDS = 0.1


class KeyScope(StrEnum):
    chat = "chat"
    completions = "completions"
    embeddings = "embeddings"
    models = "models"
    view = "admin.view"
    operate = "admin.operate"
    manage = "admin.manage"


class LayerShape(StrEnum):
    scout = "scout"
    maverick = "maverick"


class TurnsShown(StrEnum):
    failed = "failed"
    running = "running"
    queued = "queued"
    all = "all"


cli = typer.Typer(
    help="A chat assistant that a team runs on its own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
database = typer.Typer(help="The database's schema.", no_args_is_help=True)
cli.add_typer(database, name="db")
turns = typer.Typer(help="The turns that failed, or others; and one again.")
cli.add_typer(turns, name="turns")
erase = typer.Typer(
    help="Erase a conversation or a person, with everything that is kept of them. "
    "'outrider turns --state all' shows the ids.",
    no_args_is_help=True,
)
cli.add_typer(erase, name="erase")

telegram = typer.Typer(help="The accounts on Telegram.", no_args_is_help=True)
cli.add_typer(telegram, name="telegram")
webhook = typer.Typer(
    help="An account's webhook, as Telegram knows it. A start sets it, or removes it, by itself.",
    no_args_is_help=True,
)
telegram.add_typer(webhook, name="webhook")

licence = typer.Typer(help="The licence that a model's weights come under.", no_args_is_help=True)
cli.add_typer(licence, name="licence")
weights = typer.Typer(help="A model's weights, where they come from.", no_args_is_help=True)
cli.add_typer(weights, name="weights")

kernels = typer.Typer(help="Our kernels for the mixture of experts.", no_args_is_help=True)
cli.add_typer(kernels, name="kernels")

slack = typer.Typer(help="The Slack app, and where it is installed.", no_args_is_help=True)
cli.add_typer(slack, name="slack")

keys = typer.Typer(help="Keys of the API for programs.", no_args_is_help=True)
cli.add_typer(keys, name="keys")

admins = typer.Typer(help="Who signs in to the dashboard.", no_args_is_help=True)
cli.add_typer(admins, name="admins")

TelegramAccount = Annotated[str, typer.Option("--account", help="The account's name.")]
ProfileName = Annotated[
    str, typer.Argument(metavar="[PROFILE]", help="Without it the one in the settings.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Erase it; else it is only looked at.")]


@cli.command()
def run() -> None:
    """Run everything in one process: channels, web chat, API and the model."""
    _serve("run")


@cli.command()
def gateway() -> None:
    """Run channels, web chat and API, without a model. Needs the URLs of Postgres and Redis."""
    _serve("gateway")


@cli.command()
def worker() -> None:
    """Run the model and answer turns. Needs the URLs of Postgres and Redis."""
    _serve("worker")


@cli.command()
def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    new: Annotated[bool, typer.Option("--new", help="Begin a new conversation.")] = False,
) -> None:
    """Ask from the terminal; the conversation goes on with the next question."""
    from bots.cli.ask import ask as run_ask

    settings = _settings(quiet=True)
    _async(lambda: run_ask(settings, question, new))


@cli.command()
def plan(
    profile: Annotated[
        str | None, typer.Argument(help="A profile; without one, that of the settings.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The folder of a model, or its config.json.")
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format", help="bf16, fp8, fp8-all, w4a16 or w4a16-all, of Scout or Maverick."
        ),
    ] = None,
    card: Annotated[
        str | None, typer.Option(help="A card by name (H100) or size (80GB, 80GB@3.35TB/s).")
    ] = None,
    cards: Annotated[int | None, typer.Option(min=1, max=1024, help="How many of them.")] = None,
    context: Annotated[
        int | None,
        typer.Option(min=1, max=100_000_000, help="The longest conversation, in tokens."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as one JSON object.")] = False,
) -> None:
    """Work out what a profile needs of a card, and what fits on it, before anything is loaded."""
    from bots.cli.plan import show

    settings = _settings(quiet=True)
    try:
        show(
            settings,
            profile,
            model=model,
            format_=format_,
            card=card,
            cards=cards,
            context=context,
            as_json=as_json,
        )
    except EngineError as error:
        _refuse(str(error))


@cli.command()
def doctor() -> None:
    """Check what Outrider needs, and say for each failing line what to do."""
    from bots.cli.doctor import examine

    settings = _settings(quiet=True)

    async def work() -> None:
        if not await examine(settings):
            raise SystemExit(1)

    _async(work)


@cli.command("eval")
def evaluate(
    tasks: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TASK …]", help="Tasks of lm-eval; without any, our own."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many questions of each task.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Let the running Outrider answer lm-eval's tasks, and show how well it did."""
    from bots.cli.evaluation.evaluate import evaluate as run_evaluate

    settings = _settings(quiet=True)
    with _in_words():
        run_evaluate(settings, tasks or [], limit, as_json=as_json)


@cli.command()
def pair(code: Annotated[str, typer.Argument(help="The code that the person was given.")]) -> None:
    """Let in the person who was given this code."""
    from bots.cli.pair import pair as run_pair

    settings = _settings(quiet=True)
    _async(lambda: run_pair(settings, code))


@turns.callback(invoke_without_command=True)
def list_turns(
    context: typer.Context,
    state: Annotated[TurnsShown, typer.Option(help="Which turns.")] = TurnsShown.failed,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List turns, newest first: those that failed, or others."""
    if context.invoked_subcommand is not None:
        return
    from bots.cli.turns import show

    settings = _settings(quiet=True)
    _async(lambda: show(settings, state.value, limit, as_json=as_json))


@turns.command()
def retry(turn: Annotated[int, typer.Argument(help="The turn's id.")]) -> None:
    """Answer a turn again that is over, in the same messages of the platform."""
    from bots.cli.turns import retry as run_retry

    settings = _settings(quiet=True)
    _async(lambda: run_retry(settings, turn))


@erase.command()
def conversation(
    conversation_id: Annotated[int, typer.Argument(metavar="ID", help="The conversation's id.")],
    yes: Yes = False,
) -> None:
    """Erase a conversation: messages, turns, replies, events, and who wrote only there."""
    from bots.cli.erase import conversation as run_erase

    settings = _settings(quiet=True)
    _async(lambda: run_erase(settings, conversation_id, yes=yes))


@erase.command()
def person(
    person_id: Annotated[int, typer.Argument(metavar="ID", help="The person's id.")],
    yes: Yes = False,
) -> None:
    """Erase a person: their private conversations, and their part in groups."""
    from bots.cli.erase import person as run_erase

    settings = _settings(quiet=True)
    _async(lambda: run_erase(settings, person_id, yes=yes))


@webhook.command("show")
def show_webhook(account: TelegramAccount = "default") -> None:
    """Show where Telegram sends updates, how many wait, and what went wrong last."""
    from bots.telegram.webhook_command import show

    settings = _settings(quiet=True)
    _async(lambda: show(settings.telegram, account, say))


@webhook.command("set")
def set_webhook(account: TelegramAccount = "default") -> None:
    """Let Telegram send updates to the address in the settings."""
    from bots.telegram.webhook_command import set_up

    settings = _settings(quiet=True)
    _async(lambda: set_up(settings.telegram, account, say))


@webhook.command("remove")
def remove_webhook(account: TelegramAccount = "default") -> None:
    """Let Telegram keep updates until they are polled for."""
    from bots.telegram.webhook_command import remove

    settings = _settings(quiet=True)
    _async(lambda: remove(settings.telegram, account, say))


@slack.command()
def key() -> None:
    """Make a key that seals stored secrets.

    It is for OUTRIDER_SLACK__TOKEN_KEYS or OUTRIDER_ADMIN__TOTP_KEYS.
    """
    from bots.seal import new_key

    say(new_key())


@slack.command()
def workspaces() -> None:
    """List the workspaces that installed the app."""
    from bots.cli.slack_workspaces import show

    settings = _settings(quiet=True)
    _async(lambda: show(settings, say))


@licence.command("show")
def show_licence(profile: ProfileName = "") -> None:
    """Show the licence of a profile's weights, and whether it was accepted here."""
    from bots.cli.licence import show

    settings = _settings(quiet=True)
    _said(lambda: show(settings, profile, say))


@licence.command("accept")
def accept_licence(profile: ProfileName = "") -> None:
    """Accept the licence of a profile's weights; who did and when is kept."""
    from bots.cli.licence import accept

    settings = _settings(quiet=True)
    _said(lambda: accept(settings, profile, say))


@weights.command("show")
def show_weights(profile: ProfileName = "") -> None:
    """List the files of a profile's weights: size, checksum, and what of them is here."""
    from bots.cli.weights import show

    settings = _settings(quiet=True)
    _said(lambda: show(settings, profile))


@weights.command("fetch")
def fetch_weights(profile: ProfileName = "") -> None:
    """Fetch a profile's weights now, or go on with it. Needs no GPU."""
    from bots.cli.weights import fetch

    settings = _settings(quiet=True)
    _async(lambda: fetch(settings, profile, say))


@kernels.command("tune")
def tune_kernels(
    shape: Annotated[
        LayerShape, typer.Option(help="Whose experts are measured.")
    ] = LayerShape.scout,
    tokens: Annotated[
        list[int] | None,
        typer.Option(min=1, max=1_000_000, help="For this many, several times; else 1 to 4096."),
    ] = None,
) -> None:
    """Measure on this machine's card how the kernels' work is best cut, and keep that for starts.

    Takes minutes, and most of a card's memory: stop what else runs on it. Needs no weights.
    """
    from bots.cli.kernels import tune

    settings = _settings(quiet=True)
    _said(lambda: tune(settings, shape.value, tokens or (), say))


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the program that gets it is called.")],
    scope: Annotated[
        list[KeyScope] | None,
        typer.Option(
            "--scope",
            help="What it may do, several times; without it all but the dashboard's (admin.…).",
        ),
    ] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option(help="How often it may ask; without it, as it likes.")
    ] = None,
    tokens_per_day: Annotated[
        int | None, typer.Option(help="Of prompts and answers, a day of UTC; without it any.")
    ] = None,
    background: Annotated[
        bool, typer.Option("--background", help="What it asks waits for what people ask.")
    ] = False,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: 90d, or a day as 2030-01-31.")
    ] = None,
) -> None:
    """Make a key and show it, this once."""
    from bots.cli.keys import create

    settings = _settings(quiet=True)
    _async(
        lambda: create(
            settings,
            name,
            scopes=[one.value for one in scope or ()],
            requests_per_minute=requests_per_minute,
            tokens_per_day=tokens_per_day,
            background=background,
            expires=expires,
        )
    )


@keys.command("list")
def list_keys(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the keys, without their secrets."""
    from bots.cli.keys import show

    settings = _settings(quiet=True)
    _async(lambda: show(settings, as_json=as_json))


@keys.command("revoke")
def revoke_key(
    which: Annotated[str, typer.Argument(metavar="NAME|PREFIX", help="As the list shows it.")],
) -> None:
    """Let a key open nothing any more, within a second."""
    from bots.cli.keys import revoke

    settings = _settings(quiet=True)
    _async(lambda: revoke(settings, which))


@admins.command("reset")
def reset_admin(
    name: Annotated[str, typer.Argument(help="The name that they sign in with.")],
) -> None:
    """Let in again who lost the password or the second factor: make a new one and show it."""
    from bots.cli.reset_admin import reset

    settings = _settings(quiet=True)
    _async(lambda: reset(settings, name))


@database.command()
def upgrade() -> None:
    """Bring the schema of OUTRIDER_DATABASE_URL (or of the embedded database) up to date."""
    from bots.cli.database import upgrade as run_upgrade

    settings = _settings(quiet=True)
    _async(lambda: run_upgrade(settings))


def main() -> None:
    look_rarely()
    cli()


def _settings(*, quiet: bool = False) -> Settings:
    """`quiet`: for a command with an answer of its own, beside which "info" is noise."""
    from bots.logging import set_up_logging

    try:
        settings = load_settings()
    except AssistantError as error:
        _refuse(str(error))
    usual = quiet and settings.log.level == "info"
    log = settings.log.model_copy(update={"level": "warning"}) if usual else settings.log
    set_up_logging(log, settings.assistant)
    return settings


def _serve(role: Any) -> None:
    settings = _settings()
    from bots.app import run as run_app
    from bots.cli.licence import ask
    from bots.stop import Stop

    if role != "gateway" and sys.stdin.isatty():
        _said(lambda: ask(settings, say, typer.confirm))

    async def until_signalled() -> None:
        stop = Stop()
        loop = asyncio.get_running_loop()

        def end() -> None:
            drain_seconds = 0.0 if stop.asked else settings.assistant.drain_seconds
            stop.ask()
            # A database that hangs must not keep a person waiting; what we started ends with us.
            threading.Thread(
                target=end_after, args=(drain_seconds + END_SECONDS,), daemon=True
            ).start()

        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, end)
        await run_app(settings, role, stop, say)

    _async(until_signalled)
    # All is closed. Taking torch and vLLM apart would keep the terminal waiting for seconds more.
    sys.stderr.flush()
    os._exit(0)


def end_after(seconds: float) -> None:
    """Count the time in which we could have ended: a machine that stands still meanwhile, as one
    that sleeps, takes none of it away."""
    for _ in range(round(seconds / STEP_SECONDS)):
        time.sleep(STEP_SECONDS)
    os._exit(1)


def say(line: str) -> None:
    """A line for the person at the terminal; logs go to stderr."""
    typer.echo(line)
    sys.stdout.flush()


def _said(work: Callable[[], None]) -> None:
    """Do it; a fault that has a sentence ends in that sentence."""
    try:
        work()
    except (AssistantError, EngineError) as error:
        _refuse(str(error))


def _async(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with _in_words():
        asyncio.run(work())


@contextmanager
def _in_words() -> Iterator[None]:
    """A fault that has a sentence ends in that sentence."""
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except (AssistantError, EngineError) as error:
        _refuse(str(error))
    except BaseExceptionGroup as group:
        known = group.subgroup((AssistantError, EngineError))
        if known is None or group.split((AssistantError, EngineError))[1] is not None:
            raise
        _refuse(str(_first(known)))


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def _refuse(sentence: str) -> Any:
    typer.echo(f"outrider: {sentence}", err=True)
    raise SystemExit(1)
