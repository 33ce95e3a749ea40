"""PostgreSQL's files in the data directory: made once, checked at each start.

postgres/password    of the role `outrider`, 0600, made before the files that it guards
postgres/data        what initdb made; `data.new` while it is being made
"""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import StartupError
from assistant.storage.embedded.binaries import PostgresBinaries
from assistant.storage.embedded.folder import make_private
from assistant.storage.embedded.process import Program, running

ROLE = "outrider"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the files of one PostgreSQL lie."""

    data_dir: Path

    @property
    def folder(self) -> Path:
        return self.data_dir / "postgres"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def password_file(self) -> Path:
        return self.folder / "password"

    def password(self) -> str:
        """Raises StartupError where the file is gone although the database is there."""
        try:
            return self.password_file.read_text(encoding="ascii").strip()
        except OSError as error:
            raise StartupError(
                f"The password of the database in {self.data} can't be read ({error.strerror}): "
                f"put the file {self.password_file} back."
            ) from error


async def prepare(cluster: Cluster, binaries: PostgresBinaries, lock_fd: int) -> None:
    """Make the database's files if there are none yet, and check those that are.

    Call it only while holding the lock, which also goes to whatever is started here: as nobody
    else can be at work then, `postmaster.pid` is a leftover, whoever has its number by now.
    Raises StartupError, OSError.
    """
    make_private(cluster.folder)
    if cluster.data.exists():
        check(cluster, binaries.major)
    else:
        await _create(cluster, binaries, lock_fd)
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)


def check(cluster: Cluster, major: int) -> None:
    """Raises StartupError: another user's database, or another PostgreSQL's."""
    owner = cluster.data.stat().st_uid
    if owner != os.geteuid():
        raise StartupError(
            f"The database in {cluster.data} belongs to user {owner}, and this is user "
            f"{os.geteuid()}: run Outrider as that user."
        )
    found = int((cluster.data / "PG_VERSION").read_text(encoding="ascii"))
    if found > major:
        raise StartupError(
            f"The database in {cluster.data} was made by PostgreSQL {found}, which is newer than "
            f"the {major} that this Outrider brings: update Outrider."
        )
    if found < major:
        raise StartupError(
            f"The database in {cluster.data} was made by PostgreSQL {found}, and this Outrider "
            f"brings {major}: carry it over with pg_dump from the Outrider that made it."
        )


async def _create(cluster: Cluster, binaries: PostgresBinaries, lock_fd: int) -> None:
    """initdb into `data.new`, renamed when complete, so that a kill leaves nothing half-made."""
    unfinished = cluster.folder / "data.new"
    if unfinished.exists():
        shutil.rmtree(unfinished)
    _write_password(cluster.password_file)
    program = Program(
        title="PostgreSQL",
        command=[
            binaries.initdb,
            f"--pgdata={unfinished}",
            f"--username={ROLE}",
            f"--pwfile={cluster.password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # Sorts alike on every machine, whatever its C library.
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        ],
        data_dir=cluster.data_dir,
        unprivileged=True,
        held_fds=(lock_fd,),
    )
    async with running(program) as initdb:
        if await initdb.wait() != 0:
            raise initdb.failure()
    unfinished.rename(cluster.data)


def _write_password(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
