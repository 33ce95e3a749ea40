"""docs/settings.md, written from the settings themselves.

python -m bots.settings_page > docs/settings.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from assistant.settings import LIVE
from bots.settings import DELIMITER, PREFIX, known_names

HEAD = """\
# Settings

<!-- Written by `python -m bots.settings_page`; a test compares. Change the settings' descriptions
instead. -->

Each setting is a variable of the environment, a line in `.env`, or an entry of `outrider.toml`,
both in the folder where Outrider is started. The environment wins over `.env`, and `.env` over the
TOML file. These three say the same:

```sh
OUTRIDER_ENGINE__PROFILE=remote outrider run    # environment
```
```sh
OUTRIDER_ENGINE__PROFILE=remote                 # .env
```
```toml
[engine]                                        # outrider.toml
profile = "remote"
```

A list is written as JSON or with commas. A name that is no setting is refused, with the nearest
one that is. Values marked *secret* are never shown in logs, errors or pages. Those marked *live*
can be changed in the dashboard while Outrider runs; what was set there goes before what is set
here. `outrider doctor` tries out what is set.
"""

GROUPS = {
    "": "Where Outrider listens and keeps things",
    "ENGINE": "The model",
    "TELEGRAM": "Telegram",
    "SLACK": "Slack",
    "ADMIN": "Who may open the pages",
    "API": "The API for programs",
    "HTTP": "The web server",
    "ASSISTANT": "Conversations",
    "WORKER": "A worker of its own",
    "LOG": "Logs",
}
# Said by other words than their values.
SPECIAL_DEFAULTS = {
    "OUTRIDER_DATA_DIR": "`~/.local/share/outrider`, or below `$XDG_DATA_HOME`",
}


def page() -> str:
    return HEAD + "".join(_section(title, group) for group, title in GROUPS.items())


def _section(title: str, group: str) -> str:
    rows = "".join(
        f"| `{name}` | {_default(name, field)} | {_about(field)} |\n"
        for name, field in known_names().items()
        if group_of(name) == group
    )
    return f"\n## {title}\n\n| name | default | what it is |\n|---|---|---|\n{rows}"


def group_of(name: str) -> str:
    """The part of a name between the prefix and the first delimiter; "" where there is none."""
    head, delimiter, _ = name.removeprefix(PREFIX).partition(DELIMITER)
    return head if delimiter else ""


def _default(name: str, field: FieldInfo) -> str:
    if name in SPECIAL_DEFAULTS:
        return SPECIAL_DEFAULTS[name]
    if field.is_required():
        return "–"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value in ("", ()):
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{','.join(map(str, value)) if isinstance(value, tuple) else value}`"


def _about(field: FieldInfo) -> str:
    choices = list(_choices(field.annotation))
    parts = [field.description or ""]
    if choices and not all(f"`{choice}`" in parts[0] for choice in choices):
        parts.append("One of " + ", ".join(f"`{choice}`" for choice in choices) + ".")
    if SecretStr in (field.annotation, *get_args(field.annotation)):
        parts.append("*Secret.*")
    if field.json_schema_extra == LIVE:
        parts.append("*Live.*")
    return " ".join(parts).replace("|", "\\|")


def _choices(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from map(str, get_args(annotation))


if __name__ == "__main__":
    sys.stdout.write(page())
