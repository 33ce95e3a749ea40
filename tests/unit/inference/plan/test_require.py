"""Too little memory: refused before anything is loaded, with the plan's numbers and what fits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference.errors import ProfileRefused
from inference.plan.advice import what_fits
from inference.plan.cards import GIB, Card, card_named
from inference.plan.memory import Found
from inference.plan.planning import CPU_CACHE_BYTES, Asked, make_plan
from inference.plan.require import require_memory, require_room
from inference.plan.serving import serving_of
from inference.plan.sources import find_config
from inference.plan.weights import Parallel
from inference.profiles import profile_named
from inference.settings import EngineSettings
from inference.start import build_engine
from tests.support.planned import NOWHERE, asked

SCOUT = profile_named("scout")
DEMO = profile_named("demo")


def required(profile, *memory: Found, format_: str | None = None) -> None:
    found = find_config(profile, NOWHERE, format_=format_)
    require_memory(profile, found.shown, found.config, memory)


def idle(name: str) -> Found:
    card = card_named(name)
    return Found(card, card.memory_bytes)


def main_memory(gib: float, free: float) -> Found:
    return Found(Card("main memory", int(gib * GIB), None, is_gpu=False), int(free * GIB))


def test_scout_starts_on_a_card_that_it_fits():
    required(SCOUT, idle("H100"))


def test_a_small_card_is_refused_with_the_numbers_and_what_would_fit():
    with pytest.raises(ProfileRefused) as refused:
        required(SCOUT, idle("L40S"))
    said = str(refused.value)
    assert "does not fit into L40S" in said
    assert "The weights take 60.4 GiB" in said
    assert "40.8 GiB of L40S can be used" in said
    assert "2 such cards (30.2 GiB of weights on each)" in said
    assert "one H100 (79.1 GiB)" in said
    assert "demo (any CPU) or remote" in said


def test_weights_in_bf16_are_told_of_four_bits():
    with pytest.raises(ProfileRefused, match=r"4-bit weights \(W4A16, 60\.4 GiB in all\)"):
        required(SCOUT, idle("H100"), format_="bf16")


def test_the_smallest_of_several_cards_decides():
    with pytest.raises(ProfileRefused, match="does not fit into RTX 4090"):
        required(SCOUT, idle("H100"), idle("RTX 4090"))


def test_a_card_that_others_use_is_refused_with_what_they_hold():
    busy = replace(idle("H100"), free_bytes=30 * GIB)
    with pytest.raises(ProfileRefused, match=r"30\.0 GiB are free: others hold 49\.1 GiB\. End"):
        required(SCOUT, busy)


def test_the_demo_is_held_to_main_memory():
    required(DEMO, main_memory(8, 4))
    with pytest.raises(ProfileRefused, match=r"2\.0 GiB are free"):
        required(DEMO, main_memory(8, 2))
    with pytest.raises(ProfileRefused, match=r"sets 1\.0 GiB aside for the KV cache"):
        required(DEMO, main_memory(2, 2))


def test_a_context_too_long_is_told_how_long_it_may_be():
    too_long = asked("w4a16", max_model_len=1_000_000)
    plan = make_plan(too_long)
    assert not plan.fits
    assert "A conversation of 1,000,000 tokens takes" in plan.reason
    assert what_fits(too_long, plan)[0] == f"a context of at most {plan.longest_tokens:,} tokens"
    fitting = replace(too_long.serving, max_model_len=plan.longest_tokens)
    assert make_plan(replace(too_long, serving=fitting)).fits
    longer = replace(too_long.serving, max_model_len=plan.longest_tokens + 64)
    assert not make_plan(replace(too_long, serving=longer)).fits


def test_a_context_beyond_the_models_own_is_refused_with_that(monkeypatch):
    longer = replace(DEMO, max_model_len=16_384)
    with pytest.raises(ProfileRefused) as refused:
        required(longer, main_memory(16, 16))
    said = str(refused.value)
    assert "The profile demo asks for too long a context" in said
    assert "The model reads at most 8,192 tokens, and max_model_len is 16,384." in said
    assert "What would fit: a context of at most 8,192 tokens; or choose" in said
    monkeypatch.setenv("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "1")
    required(longer, main_memory(16, 16))


def test_a_cpus_cache_is_bounded_where_the_profile_states_none():
    open_one = replace(DEMO, kv_cache_bytes=None)

    def cache(gib: float, **changes: int) -> tuple[int, int]:
        found = find_config(DEMO, NOWHERE)
        card = main_memory(gib, gib).card
        plan = make_plan(
            Asked(found.shown, found.config, serving_of(replace(open_one, **changes)), card)
        )
        assert plan.fits
        return plan.cache_bytes, plan.cache.bytes_of(plan.max_model_len)

    few, one = cache(64, max_num_seqs=3)
    assert few == 3 * one
    assert cache(64, max_num_seqs=1_000)[0] == CPU_CACHE_BYTES
    little, one = cache(4, max_num_seqs=1_000)
    assert one < little < CPU_CACHE_BYTES
    required(open_one, main_memory(64, 16))  # others hold three quarters
    with pytest.raises(ProfileRefused, match=r"set kv_cache_bytes of the profile to at most \d+,"):
        required(open_one, main_memory(64, 2))


def test_a_full_cache_is_told_of_the_hybrid_one():
    full = asked("w4a16", hybrid=False)
    assert "the hybrid KV cache" in what_fits(full, make_plan(full))


def test_every_way_that_is_named_fits():
    bf16 = asked("bf16", model="maverick", parallel=Parallel(8, expert=True))
    ways = what_fits(bf16, make_plan(bf16))
    assert "8 H200 (139.8 GiB)" in ways
    on_h200 = replace(bf16, card=card_named("H200"))
    assert make_plan(on_h200).fits


def test_what_cannot_be_compared_is_not_refused(tmp_path):
    required(SCOUT)  # no card is visible
    own = replace(SCOUT, model="somebody/something-else")
    require_room(own, tmp_path)
    unknown = {"architectures": ["MambaForCausalLM"]}
    require_memory(SCOUT, "m", unknown, [idle("RTX 4090")])
    required(replace(SCOUT, quantization="fp8"), idle("L40S"), format_="bf16")


def test_the_demo_has_room_on_this_machine(tmp_path):
    require_room(DEMO, tmp_path)


def test_a_start_that_cannot_fit_is_refused_before_anything_is_built(tmp_path):
    (tmp_path / "profiles").mkdir()
    own = 'extends = "demo"\nkv_cache_bytes = 10995116277760\n'
    (tmp_path / "profiles" / "greedy.toml").write_text(own)
    with pytest.raises(ProfileRefused) as refused:
        build_engine(EngineSettings(profile="greedy"), tmp_path)
    said = str(refused.value)
    assert "The profile greedy does not fit into main memory" in said
    assert "sets 10240.0 GiB aside for the KV cache" in said
    assert "a KV cache of at most " in said
    assert not (tmp_path / "models").exists()
