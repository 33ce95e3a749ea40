"""Second factors of admins: a secret that codes come from, and recovery codes.

The secret is sealed before it comes here. Each code is taken once, whoever sends it again.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.storage.audit import Actor, note
from assistant.storage.database import Connection, Database, row, rows

RECOVERY_CODES = 10
_CODE_BYTES = 10  # 80 bits: nobody tries them out, so that a quick hash is enough

SEALED = "SELECT totp_secret FROM admins WHERE id = %(admin)s"
SET = """
UPDATE admins SET totp_secret = %(secret)s, totp_step = %(step)s
WHERE id = %(admin)s AND totp_secret IS NULL RETURNING id
"""
REMOVE = """
WITH codes AS (DELETE FROM admin_recovery_codes WHERE admin_id = %(admin)s)
UPDATE admins SET totp_secret = NULL, totp_step = NULL WHERE id = %(admin)s
"""
# The steps only go up: a code that was taken, or an older one, is taken no more.
TAKE_STEP = """
UPDATE admins SET totp_step = %(step)s, totp_secret = %(resealed)s
WHERE id = %(admin)s AND totp_secret = %(sealed)s
    AND (totp_step IS NULL OR totp_step < %(step)s)
RETURNING id
"""
TAKE_CODE = """
DELETE FROM admin_recovery_codes WHERE admin_id = %(admin)s AND hash = %(hash)s RETURNING hash
"""
FORGET_CODES = "DELETE FROM admin_recovery_codes WHERE admin_id = %(admin)s"
KEEP_CODES = """
INSERT INTO admin_recovery_codes (admin_id, hash)
SELECT %(admin)s, unnest(%(hashes)s::bytea[])
"""
CODES_LEFT = "SELECT count(*) AS left FROM admin_recovery_codes WHERE admin_id = %(admin)s"


@dataclass(frozen=True, slots=True)
class SecondFactors:
    """All raise StorageUnavailable."""

    database: Database

    async def sealed(self, admin_id: int) -> str | None:
        found = await self.database.row(SEALED, {"admin": admin_id})
        return None if found is None else found.totp_secret

    async def set_up(
        self, admin_id: int, sealed: str, step: int, actor: Actor
    ) -> Sequence[str] | None:
        """The recovery codes, which nobody can read again; None where there is a factor already.
        `step`: of the code that showed that the device has the secret."""
        values = {"admin": admin_id, "secret": sealed, "step": step}
        async with self.database.transaction() as connection:
            if await row(connection, SET, values) is None:
                return None
            codes = await _new_codes(connection, admin_id)
            await note(connection, actor, "admin.second_factor_set_up", f"admin:{admin_id}")
        return codes

    async def remove(self, admin_id: int, actor: Actor) -> None:
        async with self.database.transaction() as connection:
            await rows(connection, REMOVE, {"admin": admin_id})
            await note(connection, actor, "admin.second_factor_removed", f"admin:{admin_id}")

    async def take_step(self, admin_id: int, step: int, sealed: str, resealed: str) -> bool:
        """Whether the code of this step was taken by nobody yet. The secret that it is of stands
        there as `sealed`, and as `resealed` from then on."""
        values = {"admin": admin_id, "step": step, "sealed": sealed, "resealed": resealed}
        return await self.database.row(TAKE_STEP, values) is not None

    async def take_recovery_code(self, admin_id: int, code: str, actor: Actor) -> bool:
        """Whether it is one of theirs; it is none any more."""
        values = {"admin": admin_id, "hash": _hashed(code)}
        async with self.database.transaction() as connection:
            taken = await row(connection, TAKE_CODE, values) is not None
            if taken:
                await note(connection, actor, "admin.recovery_code_used", f"admin:{admin_id}")
        return taken

    async def new_codes(self, admin_id: int, actor: Actor) -> Sequence[str]:
        """In place of those that are left."""
        async with self.database.transaction() as connection:
            codes = await _new_codes(connection, admin_id)
            await note(connection, actor, "admin.recovery_codes_renewed", f"admin:{admin_id}")
        return codes

    async def codes_left(self, admin_id: int) -> int:
        found = await self.database.row(CODES_LEFT, {"admin": admin_id})
        return 0 if found is None else int(found.left)


async def _new_codes(connection: Connection, admin_id: int) -> Sequence[str]:
    codes = [_new_code() for _ in range(RECOVERY_CODES)]
    hashes = [_hashed(one) for one in codes]
    await rows(connection, FORGET_CODES, {"admin": admin_id})
    await rows(connection, KEEP_CODES, {"admin": admin_id, "hashes": hashes})
    return codes


def _new_code() -> str:
    """As `abcd-efgh-ijkl-mnop`."""
    written = b32encode(secrets.token_bytes(_CODE_BYTES)).decode().lower()
    return "-".join(written[at : at + 4] for at in range(0, len(written), 4))


def _hashed(code: str) -> bytes:
    """However it was typed: its case, its spaces and its dashes don't count."""
    plain = "".join(one for one in code.lower() if one.isalnum())
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()
