from inference.api import EngineStatistics
from inference.on_ray.gathered import Gathered
from inference.statistics import Distribution

OWN = EngineStatistics(requests_running=2, prompt_tokens=30, output_tokens=20, cached_tokens=10)


def counts(first_tokens, **others):
    bounds = (0.1, 1.0)
    return EngineStatistics(
        prompt_tokens=1000,
        output_tokens=1000,
        cached_tokens=1000,
        steps=7,
        time_to_first_token=Distribution(bounds, first_tokens, float(sum(first_tokens))),
        **others,
    )


def test_what_replicas_count_is_added_up_and_the_workers_tokens_are_counted_once():
    gathered = Gathered()
    gathered.take(
        {
            "a": counts((1, 2, 0), batch_size=3, kv_cache_usage=0.25, preemptions=1),
            "b": counts((0, 1, 4), batch_size=1, kv_cache_usage=0.5, requests_waiting=2),
        }
    )
    assert gathered.beside(OWN) == EngineStatistics(
        requests_running=2,
        prompt_tokens=30,
        output_tokens=20,
        cached_tokens=10,
        batch_size=4,
        requests_waiting=2,
        kv_cache_usage=0.5,
        preemptions=1,
        time_to_first_token=Distribution((0.1, 1.0), (1, 3, 4), 8.0),
    )


def test_counters_only_grow_when_a_replica_is_gone_or_not_seen_for_once():
    gathered = Gathered()
    gathered.take({"a": counts((1, 0, 0), batch_size=2, preemptions=3), "b": counts((1, 0, 0))})
    gathered.take({"b": counts((2, 0, 0), batch_size=1)})
    found = gathered.beside(OWN)
    assert (found.preemptions, found.batch_size) == (3, 1)
    assert found.time_to_first_token == Distribution((0.1, 1.0), (3, 0, 0), 3.0)
    gathered.take({"a": counts((1, 0, 0), preemptions=4)})
    assert gathered.beside(OWN).preemptions == 4


def test_while_nothing_is_asked_nothing_is_in_flight():
    gathered = Gathered()
    gathered.take({"a": counts((1, 0, 0), batch_size=2, requests_waiting=1, kv_cache_usage=0.5)})
    idle = gathered.beside(EngineStatistics())
    assert (idle.batch_size, idle.requests_waiting, idle.kv_cache_usage) == (0, 0, 0.0)


def test_before_the_first_look_a_worker_knows_its_own_counts_alone():
    assert Gathered().beside(OWN) == OWN
