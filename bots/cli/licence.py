"""`outrider licence`: what a model's weights come under is shown once, and accepted once."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from datetime import UTC, datetime

from bots.settings import Settings
from inference.profiles import Licence, Profile
from inference.settings import EngineSettings
from inference.start import chosen_profile
from inference.weights.licence import is_accepted, open_licence, write_acceptance
from inference.weights.source import source_of

Say = Callable[[str], None]
Confirm = Callable[[str], bool]


def show(settings: Settings, name: str, say: Say) -> None:
    profile = chosen_profile(engine_settings(settings, name), settings.data_dir)
    if profile.licence is None:
        say(f"The profile {profile.name} states no licence that has to be accepted.")
        return
    say(text(profile, profile.licence))
    accepted = is_accepted(profile.licence, settings.data_dir)
    say("It was accepted here." if accepted else f"Accept it: {command(profile)}")


def accept(settings: Settings, name: str, say: Say) -> None:
    profile = chosen_profile(engine_settings(settings, name), settings.data_dir)
    if profile.licence is None:
        say(f"The profile {profile.name} states no licence that has to be accepted.")
        return
    say(text(profile, profile.licence))
    by = user()
    write_acceptance(profile.licence, settings.data_dir, by, datetime.now(UTC))
    say(f"Accepted by {by}.")


def ask(settings: Settings, say: Say, confirm: Confirm) -> None:
    """Before the first start on a terminal; who says no is refused by the start itself."""
    profile = chosen_profile(settings.engine, settings.data_dir)
    if profile.runner != "vllm":
        return
    source = source_of(profile, settings.engine.model)
    licence = open_licence(profile, source, settings.data_dir)
    if licence is None:
        return
    say(text(profile, licence))
    if confirm("Do you accept it?"):
        write_acceptance(licence, settings.data_dir, user(), datetime.now(UTC))


def user() -> str:
    """The name of who runs this; in a container a user may have a number alone."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the latter since Python 3.13
        return f"uid {os.getuid()}"


def text(profile: Profile, licence: Licence) -> str:
    return "\n".join(
        filter(
            None,
            (
                f"The weights of {profile.name} come under the {licence.name}:",
                licence.url,
                licence.summary,
            ),
        )
    )


def command(profile: Profile) -> str:
    return f"outrider licence accept {profile.name}"


def engine_settings(settings: Settings, name: str) -> EngineSettings:
    """The settings for the profile of that name; "" is the chosen one, with all that is set."""
    if name in ("", settings.engine.profile):
        return settings.engine
    return EngineSettings(profile=name, hub_token=settings.engine.hub_token)
