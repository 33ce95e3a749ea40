from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.program import Program, programs


@pytest.fixture
def outrider() -> Iterator[Callable[..., Program]]:
    """Makes Outriders that end with the test: `outrider(data_dir, settings={…})`."""
    with programs() as make:
        yield make
