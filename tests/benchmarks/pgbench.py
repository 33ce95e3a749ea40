"""PostgreSQL's own measuring program, on one statement of ours."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from assistant.storage.embedded.binaries import postgres_binaries

THREADS = 2


@dataclass(frozen=True, slots=True)
class Pgbench:
    """`fixed` are variables with one value; any other of the statement is a number that is new
    each time, the same one in all of a statement's places."""

    program: Path
    url: str
    script: Path
    fixed: Mapping[str, str]

    async def rate(self, clients: int, seconds: float) -> float:
        """Statements a second, each prepared, and a transaction of its own."""
        defined = (f"--define={name}={value}" for name, value in self.fixed.items() if value)
        process = await asyncio.create_subprocess_exec(
            self.program,
            *("--no-vacuum", "--protocol=prepared", f"--client={clients}", f"--jobs={THREADS}"),
            *(f"--time={max(1, round(seconds))}", f"--file={self.script}", *defined),
            env={**os.environ, **_connection(self.url)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        found = re.search(r"^tps = ([0-9.]+)", output.decode(), re.MULTILINE)
        if process.returncode != 0 or found is None:
            raise RuntimeError(f"pgbench failed:\n{errors.decode(errors='replace')[-2000:]}")
        return float(found[1])


def pgbench_program() -> Path | None:
    """The embedded server's own, else the system's."""
    beside = postgres_binaries().postgres.with_name("pgbench")
    if beside.exists():
        return beside
    found = shutil.which("pgbench")
    return None if found is None else Path(found)


def script_of(statement: str, fixed: Mapping[str, str]) -> str:
    """A statement with psycopg's `%(name)s` as pgbench reads it."""

    def place(found: re.Match[str]) -> str:
        name = found[1]
        if name not in fixed:
            return ":number"
        return f":{name}" if fixed[name] else "''"  # no variable of pgbench's can be empty

    written = re.sub(r"%\((\w+)\)s", place, statement).strip()
    return f"\\set number random(1, 9000000000000000000)\n{written};\n"


def _connection(url: str) -> Mapping[str, str]:
    """As libpq takes it from the environment: on a command line others would see the password."""
    parsed = make_url(url)
    said = {
        "PGHOST": parsed.query.get("host") or parsed.host,
        "PGPORT": parsed.query.get("port") or parsed.port,
        "PGUSER": parsed.username,
        "PGPASSWORD": parsed.password,
        "PGDATABASE": parsed.database,
    }
    return {name: str(value) for name, value in said.items() if value}
