"""What the processes of `make test` share: a file's tests stay together, for its fixtures."""

from __future__ import annotations

import pytest


def test_a_test_carries_its_group_where_two_processes_share_them(
    request: pytest.FixtureRequest,
) -> None:
    if not hasattr(request.config, "workerinput"):
        assert "@" not in request.node.nodeid
    else:  # with a pytest that xdist doesn't know, each process would start each file's servers
        assert request.node.nodeid.endswith(f"@{request.node.path}")
