"""Nobody's password: looking at it costs what looking at an admin's does."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

from bots.admin.passwords import hash_password, nobodys, verify_password


async def test_nobodys_hash_is_of_an_admins_kind() -> None:
    theirs = await hash_password("correct horse battery")
    assert extract_parameters(nobodys()) == extract_parameters(theirs)


def test_it_is_computed_to_the_end_and_matches_nothing() -> None:
    with pytest.raises(VerifyMismatchError):  # a hash that can't be read would be refused at once
        PasswordHasher().verify(nobodys(), "")


async def test_where_there_is_no_admin_no_password_is_right() -> None:
    assert not await verify_password("", "")
