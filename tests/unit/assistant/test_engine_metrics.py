"""An engine's statistics as Prometheus reads them."""

from __future__ import annotations

from collections import Counter

from prometheus_client import generate_latest

from assistant.answering.supervision import Supervisor
from assistant.metrics import Metrics
from inference.scripted import ScriptedEngine
from inference.statistics import Distribution, Observed


def exported(supervisor: Supervisor) -> str:
    metrics = Metrics()
    metrics.engine(supervisor)
    return generate_latest(metrics.registry).decode()


def nothing(line: str, share: float | None) -> None:
    pass


async def test_state_phases_and_rebuilds_carry_the_profile() -> None:
    supervisor = Supervisor(ScriptedEngine(), nothing)
    supervisor.state = "rebuilding"
    supervisor.start_seconds = {"loading the weights": 2.5}
    supervisor.rebuilds = Counter(stuck=1)
    text = exported(supervisor)
    assert 'outrider_engine_state{profile="scripted",state="rebuilding"} 1.0' in text
    assert 'outrider_engine_state{profile="scripted",state="ready"} 0.0' in text
    assert (
        'outrider_engine_start_seconds{phase="loading the weights",profile="scripted"} 2.5' in text
    )
    assert 'outrider_engine_rebuilds_total{profile="scripted",reason="stuck"} 1.0' in text
    assert 'outrider_engine_rebuilds_total{profile="scripted",reason="died"} 0.0' in text


def test_a_value_counts_for_the_first_bound_that_is_not_below_it() -> None:
    seen = Observed((0.1, 1.0))
    seen.add([0.05, 0.1, 0.5, 7.0])
    assert seen.so_far() == Distribution((0.1, 1.0), (2, 1, 1), 7.65)


def test_buckets_are_exported_as_counts_of_all_that_is_not_above() -> None:
    from assistant.engine_metrics import _histogram

    family = _histogram("x", "", ["demo"], Distribution((0.1, 1.0), (2, 1, 1), 7.65))
    values = {(one.name, one.labels.get("le")): one.value for one in family.samples}
    assert values == {
        ("x_bucket", "0.1"): 2,
        ("x_bucket", "1.0"): 3,
        ("x_bucket", "+Inf"): 4,
        ("x_count", None): 4,
        ("x_sum", None): 7.65,
    }
