"""Codes of a device (TOTP, RFC 6238): the secret as a picture, and whether a code is right."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pyotp
import segno
import structlog
from markupsafe import Markup
from pydantic import SecretStr
from pyotp.exceptions import OTPVerificationError

from assistant.storage.audit import Actor
from assistant.storage.second_factors import SecondFactors
from bots.seal import Seal, SealBroken

log = structlog.get_logger()

ISSUER = "Outrider"
DIGITS = 6
WINDOW = 1  # steps of 30 s that a device's clock may be wrong, each way
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Codes:
    """`clock` gives Unix seconds. Secrets are sealed for the admin whose they are."""

    factors: SecondFactors
    seal: Seal
    clock: Clock = time.time

    async def right(self, admin_id: int, given: str, actor: Actor) -> bool:
        """Whether it is a code of the device now, or a recovery code; either is good once."""
        code = given.replace(" ", "").strip()
        if not (code.isascii() and code.isdigit() and len(code) == DIGITS):
            return await self.factors.take_recovery_code(admin_id, given[:100], actor)
        sealed = await self.factors.sealed(admin_id)
        secret = self._open(admin_id, sealed) if sealed else None
        step = self.step_of(secret, code) if secret else None
        if sealed is None or secret is None or step is None:
            return False
        resealed = sealed if self.seal.is_fresh(sealed) else self.sealed(admin_id, secret)
        return await self.factors.take_step(admin_id, step, sealed, resealed)

    def step_of(self, secret: SecretStr, code: str) -> int | None:
        """Which step the code is of; None for a wrong one."""
        totp = pyotp.TOTP(secret.get_secret_value())
        try:
            return totp.verify_and_get_timecode(code, for_time=self.clock(), valid_window=WINDOW)
        except OTPVerificationError:
            return None

    def sealed(self, admin_id: int, secret: SecretStr) -> str:
        return self.seal.close(_owner(admin_id), secret)

    def _open(self, admin_id: int, sealed: str) -> SecretStr | None:
        try:
            return self.seal.open(_owner(admin_id), sealed)
        except SealBroken as error:  # recovery codes still open it
            log.error("admin_second_factor_unreadable", admin=admin_id, reason=str(error))
            return None


def new_secret() -> SecretStr:
    return SecretStr(pyotp.random_base32())


def picture(secret: SecretStr, name: str) -> Markup:
    """A QR code for the device's app, as SVG without a style; black on white in any scheme."""
    address = pyotp.TOTP(secret.get_secret_value()).provisioning_uri(
        name=name.replace(":", " "), issuer_name=ISSUER
    )
    drawn = segno.make_qr(address, error="m")
    shown = drawn.svg_inline(
        scale=5, border=4, light="#fff", svgclass="qr", lineclass=None, omitsize=True
    )
    return Markup(shown)  # noqa: S704 - squares and numbers alone


def spelt(secret: SecretStr) -> str:
    """For who types it: in groups of four."""
    plain = secret.get_secret_value()
    return " ".join(plain[at : at + 4] for at in range(0, len(plain), 4))


def _owner(admin_id: int) -> str:
    return f"admin:{admin_id}"
