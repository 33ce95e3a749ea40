from __future__ import annotations

import pytest

from inference.errors import PlanRefused
from inference.plan.cards import CARDS, GIB, bandwidth_of, card_named


@pytest.mark.parametrize("name", ["H100", "h100", "rtx4090", "RTX 4090", "A100-80GB", "mi300x"])
def test_a_card_is_known_by_its_name_however_it_is_written(name):
    assert card_named(name) in CARDS


def test_a_card_by_size_and_by_bandwidth():
    assert card_named("80GB").memory_bytes == 80 * 10**9
    assert card_named("79.5 GiB").memory_bytes == int(79.5 * GIB)
    assert card_named("80GB").bandwidth is None
    assert card_named("80gb@3.35TB/s").bandwidth == pytest.approx(3.35e12)


@pytest.mark.parametrize(
    "text", ["", "H1000", "80", "-80GB", "0GB", "1e9GB", "80GB@fast", "9" * 30]
)
def test_what_is_no_card_is_one_sentence(text):
    with pytest.raises(PlanRefused, match=r"\.$"):
        card_named(text)


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA H100 NVL", "H100 NVL"),
        ("NVIDIA A100-SXM4-80GB", "A100 80GB"),
        ("NVIDIA A100-PCIE-40GB", "A100 40GB"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA H200", "H200"),
    ],
)
def test_the_drivers_names_are_the_same_cards(shown, name):
    assert bandwidth_of(shown) == card_named(name).bandwidth


def test_a_card_that_is_not_listed_has_no_known_bandwidth():
    assert bandwidth_of("NVIDIA T4") is None
