"""Secrets as they are stored."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from bots.seal import Seal, SealBroken, is_key, new_key

TOKEN = SecretStr("xoxb-1")
OLD, NEW = SecretStr(new_key()), SecretStr(new_key())


def test_what_is_sealed_is_opened_for_its_account_and_shows_nothing() -> None:
    sealed = Seal([OLD]).close("T1", TOKEN)
    assert Seal([OLD]).open("T1", sealed) == TOKEN
    assert "xoxb" not in sealed


def test_another_accounts_row_opens_nothing() -> None:
    with pytest.raises(SealBroken, match="somebody else"):
        Seal([OLD]).open("T2", Seal([OLD]).close("T1", TOKEN))


@pytest.mark.parametrize("text", ["", "nothing", "gAAAAA==", "ä"])
def test_what_no_key_of_ours_sealed_opens_nothing(text: str) -> None:
    for sealed in (text, Seal([OLD]).close("T1", TOKEN)):
        with pytest.raises(SealBroken, match="OUTRIDER_SOME__KEYS"):
            Seal([NEW], "OUTRIDER_SOME__KEYS").open("T1", sealed)


def test_every_key_opens_and_only_the_first_ones_seal_is_fresh() -> None:
    sealed, both = Seal([OLD]).close("T1", TOKEN), Seal([NEW, OLD])
    assert both.open("T1", sealed) == TOKEN
    assert not both.is_fresh(sealed)
    assert both.is_fresh(both.close("T1", TOKEN))
    assert Seal([NEW]).open("T1", both.close("T1", TOKEN)) == TOKEN


@pytest.mark.parametrize("text", ["", "short", "x" * 44, "schlüssel"])
def test_what_is_no_key_is_known(text: str) -> None:
    assert (is_key(text), is_key(new_key())) == (False, True)
    with pytest.raises(ValueError):
        Seal([SecretStr(text)])
