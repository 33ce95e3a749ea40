"""Maverick's cluster, as Ray's launcher reads it, has the cards that its profile needs."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from inference.profiles import profile_named

MANIFEST = Path(__file__).parents[3] / "deploy" / "ray" / "maverick.yaml"


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(MANIFEST.read_text())
    return loaded


def cards(commands: list[str]) -> int:
    (started,) = [one for one in commands if " start " in one]
    found = re.search(r"--num-gpus=(\d+)", started)
    assert found is not None
    return int(found[1])


def test_rays_own_schema_takes_it(manifest: dict[str, Any]) -> None:
    spec = find_spec("ray")
    assert spec is not None
    assert spec.origin is not None
    schema = json.loads((Path(spec.origin).parent / "autoscaler" / "ray-schema.json").read_text())
    jsonschema.validate(manifest, schema)


def test_its_hosts_have_as_many_cards_as_the_profile_is_parallel(manifest: dict[str, Any]) -> None:
    profile = profile_named("maverick-hosts")
    hosts = [manifest["provider"]["head_ip"], *manifest["provider"]["worker_ips"]]
    per_host = cards(manifest["head_start_ray_commands"])
    assert per_host == cards(manifest["worker_start_ray_commands"]) == profile.tensor_parallel
    assert len(hosts) == profile.pipeline_parallel
    assert len(hosts) * per_host == profile.gpus
    assert profile.distributed_executor == "ray"


def test_ray_wants_a_token_reports_nothing_and_opens_no_dashboard(
    manifest: dict[str, Any],
) -> None:
    assert manifest["file_mounts"] == {"~/.ray/auth_token": "~/.ray/auth_token"}
    for name in ("head_start_ray_commands", "worker_start_ray_commands"):
        started = manifest[name][-1]
        assert "RAY_AUTH_MODE=token" in started
        assert "RAY_USAGE_STATS_ENABLED=0" in started
        assert "--disable-usage-stats" in started
    assert "--include-dashboard=false" in manifest["head_start_ray_commands"][-1]
