"""`outrider eval`: how well the model that runs here answers, in lm-eval's numbers."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from assistant.errors import AssistantError
from bots.cli.evaluation.questions import Outrider
from bots.server_word import api_key, running_server
from bots.settings import Settings

if TYPE_CHECKING:
    from bots.cli.evaluation.harness import Score


def evaluate(settings: Settings, tasks: Sequence[str], limit: int | None, *, as_json: bool) -> None:
    """Ask the tasks' questions and print the scores. Raises AssistantError."""
    if importlib.util.find_spec("lm_eval") is None:
        raise AssistantError(
            "outrider eval needs lm-eval, which is not installed: run pip install '.[eval]'."
        )
    outrider = asyncio.run(_running(settings))
    served = asyncio.run(outrider.served())
    console = Console(stderr=True)
    with console.status("loading lm-eval") as status:
        from bots.cli.evaluation.harness import OWN_TASK, scores

        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        found = scores(
            outrider,
            tasks or [OWN_TASK],
            limit,
            lambda count: status.update(f"{count} questions answered"),
        )
    typer.echo(_json(served, found)) if as_json else _show(served, found)


async def _running(settings: Settings) -> Outrider:
    async with httpx.AsyncClient(timeout=10.0, trust_env=False) as client:
        url = await running_server(settings, client)
    if url is None:
        raise AssistantError(
            f"No Outrider runs with the data directory {settings.data_dir}: start it with "
            "'outrider run', then evaluate it."
        )
    return Outrider(url, api_key(settings))


def _facts(served: dict[str, Any]) -> dict[str, str]:
    return {
        "model": str(served.get("id", "")),
        "profile": str(served.get("profile") or ""),
        "quantization": str(served.get("quantization") or ""),
    }


def _json(served: dict[str, Any], found: Sequence[Score]) -> str:
    return json.dumps({**_facts(served), "scores": [asdict(score) for score in found]})


def _show(served: dict[str, Any], found: Sequence[Score]) -> None:
    facts = _facts(served)
    typer.echo("  ".join(f"{name} {value}" for name, value in facts.items() if value))
    table = Table("task", "metric", box=None)
    for column in ("value", "stderr", "n"):
        table.add_column(column, justify="right")
    for one in found:
        error = "" if one.stderr is None else f"{one.stderr:.4f}"
        table.add_row(one.task, one.metric, f"{one.value:.4f}", error, str(one.questions))
    Console(highlight=False).print(table)
