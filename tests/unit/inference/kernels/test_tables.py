"""The table of a card: tuned, shipped, or the default one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.kernels.moe.tables import (
    SHIPPED,
    BadTable,
    CardTable,
    read_table,
    table_for,
    table_path,
    write_table,
)
from inference.kernels.moe.tiling import ANY_NUMBER, DEFAULT, Cut, Tiling, tiling_for

CARD = "NVIDIA H100 80GB HBM3"
TUNED = CardTable(
    CARD,
    "Measured on this card.",
    (
        Tiling(8, Cut(64, 16, stages=6), Cut(64, 16, splits=3), direct=True, overlap=True),
        Tiling(ANY_NUMBER, Cut(128, 32, warps=8), Cut(128, 32)),
    ),
)


def test_what_was_tuned_is_read_as_it_was_written(tmp_path):
    path = table_path(tmp_path / "kernels", CARD)
    write_table(path, TUNED)
    assert path.name == "nvidia-h100-80gb-hbm3.json"
    assert read_table(path, CARD) == TUNED
    assert table_for(CARD, tmp_path / "kernels") == TUNED.tilings
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("card", [CARD, "NVIDIA H100 PCIe", "NVIDIA H200", "H100"])
def test_a_known_card_has_a_shipped_table_that_says_it_is_arithmetic(card, tmp_path):
    model = "H200" if "H200" in card else "H100"
    shipped = read_table(SHIPPED / f"{model.lower()}.json", model)
    assert table_for(card, tmp_path) == table_for(card, None) == shipped.tilings
    assert "not measured" in shipped.origin


@pytest.mark.parametrize("card", ["NVIDIA A100-SXM4-80GB", "", "../../etc/passwd", "NVIDIA GH200"])
def test_any_other_card_has_the_default_table(card, tmp_path, caplog):
    assert table_for(card, tmp_path) == DEFAULT
    assert not caplog.records


def test_a_card_s_name_stays_in_its_folder(tmp_path):
    for name in ("../../etc/passwd", "a/b", "x" * 5_000, "NVIDIA\nH100"):
        path = table_path(tmp_path, name)
        assert path.parent == tmp_path
        assert len(path.name) < 100


def broken(change):
    document = json.loads(as_written())
    change(document)
    return json.dumps(document)


def as_written() -> str:
    cut = {"rows": 64, "tokens": 16, "splits": 1, "warps": 4, "stages": 4}
    tiling = {
        "most_tokens": None,
        "gate_up": cut,
        "down": cut | {"splits": 2},
        "direct": True,
        "overlap": False,
    }
    head = {"kind": "outrider-moe-tilings", "version": 1, "card": CARD, "origin": "by hand"}
    return json.dumps(head | {"tilings": [tiling]})


DAMAGED = {
    "cut short": as_written()[:-40],
    "empty": "",
    "not text": "\udcff",
    "a list": "[]",
    "deep": "[" * 100_000,
    "large": " " * (1 << 20) + as_written(),
    "of another kind": broken(lambda one: one.update(kind="vllm")),
    "of another version": broken(lambda one: one.update(version=2)),
    "of another card": broken(lambda one: one.update(card="NVIDIA H200")),
    "no tilings": broken(lambda one: one.update(tilings=[])),
    "no end": broken(lambda one: one["tilings"][0].update(most_tokens=64)),
    "no number": broken(lambda one: one["tilings"][0].update(most_tokens="64")),
    "true for a number": broken(lambda one: one["tilings"][0]["down"].update(splits=True)),
    "no truth value": broken(lambda one: one["tilings"][0].update(direct=1)),
    "a number lacking": broken(lambda one: one["tilings"][0]["down"].pop("rows")),
    "one too many": broken(lambda one: one["tilings"][0].update(speed=9)),
    "rows that no kernel has": broken(lambda one: one["tilings"][0]["down"].update(rows=96)),
    "splits of a million": broken(lambda one: one["tilings"][0]["down"].update(splits=10**6)),
}


def test_what_the_damaged_ones_were_made_of_is_right(tmp_path):
    path = table_path(tmp_path, CARD)
    path.write_text(as_written())
    assert table_for(CARD, tmp_path) == (
        Tiling(ANY_NUMBER, Cut(), Cut(splits=2), direct=True, overlap=False),
    )


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_or_foreign_file_is_one_sentence_and_the_shipped_table_is_used(
    text, tmp_path, caplog
):
    path = table_path(tmp_path, CARD)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert table_for(CARD, tmp_path) == table_for(CARD, None)
    (said,) = caplog.messages
    assert str(path) in said
    assert "outrider kernels tune" in said
    assert "\n" not in said and len(said) < 600
    with pytest.raises(BadTable):
        read_table(path, CARD)


def test_a_folder_in_the_file_s_place_is_a_sentence_too(tmp_path, caplog):
    table_path(tmp_path, CARD).mkdir()
    assert table_for(CARD, tmp_path) == table_for(CARD, None)
    assert len(caplog.messages) == 1


CUTS = st.builds(
    Cut,
    rows=st.sampled_from([128, 256]),
    tokens=st.sampled_from([16, 32, 64, 128]),
    splits=st.just(1),
    warps=st.sampled_from([4, 8]),
    stages=st.integers(1, 12),
)
TILINGS = st.builds(
    Tiling,
    most_tokens=st.integers(1, 10_000),
    gate_up=CUTS,
    down=st.builds(replace, CUTS, splits=st.integers(1, 64)),
    direct=st.booleans(),
    overlap=st.booleans(),
)


@given(st.lists(TILINGS, min_size=1, max_size=6, unique_by=lambda one: one.most_tokens))
def test_any_table_survives_being_written(tmp_path_factory, tilings):
    tilings.sort(key=lambda one: one.most_tokens)
    table = CardTable(
        CARD, "of hypothesis", (*tilings[:-1], replace(tilings[-1], most_tokens=ANY_NUMBER))
    )
    path = table_path(tmp_path_factory.mktemp("tables"), CARD)
    write_table(path, table)
    assert read_table(path, CARD) == table


@given(st.integers(1, 1 << 40), st.sampled_from([DEFAULT, TUNED.tilings]))
def test_every_number_of_tokens_has_a_tiling(tokens, table):
    chosen = tiling_for(tokens, table)
    assert tokens <= chosen.most_tokens
    assert all(tokens > one.most_tokens for one in table[: list(table).index(chosen)])


def test_a_cut_that_no_kernel_is_made_for_is_refused_in_words():
    with pytest.raises(ValueError, match="rows is 96, not one of"):
        Cut(rows=96)
    with pytest.raises(ValueError, match="8 warps need 128 rows"):
        Cut(rows=64, warps=8)
