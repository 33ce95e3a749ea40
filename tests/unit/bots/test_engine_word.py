"""What doctor says of the model's memory: planned, or as the engine that runs here says."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bots.cli.doctor.experts import experts
from bots.cli.doctor.memory import memory
from bots.engine_word import FILE, leaving_word, read_engine_word, remove_engine_word
from bots.progress import READY
from bots.settings import Settings
from inference.scripted import ScriptedEngine
from inference.settings import EngineSettings, ScriptedSettings

LINE = "The engine is as planned (within 5%): weights 1.4 GiB."


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data_dir=tmp_path, engine=EngineSettings(profile="demo"))


def written(folder, **changes) -> None:
    said = {"pid": os.getpid(), "profile": "demo", "plan": LINE, "as_planned": True} | changes
    (folder / FILE).write_text(json.dumps(said))


async def test_word_is_left_when_the_engine_is_ready_and_taken_back(tmp_path):
    engine = ScriptedEngine(ScriptedSettings())
    heard = []

    def progress(line, share):
        heard.append(line)

    report = leaving_word(progress, engine, tmp_path)
    report("loading the model", 0.5)
    assert read_engine_word(tmp_path) is None
    await engine.start(report)
    word = read_engine_word(tmp_path)
    assert word is not None
    assert (word.profile, word.plan) == ("scripted", "")
    assert heard[0] == "loading the model"
    assert heard[-1] == READY
    remove_engine_word(tmp_path)
    assert read_engine_word(tmp_path) is None
    remove_engine_word(tmp_path)


def test_the_word_of_one_that_ended_counts_no_more(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    written(tmp_path, pid=ended.pid)
    assert read_engine_word(tmp_path) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": "x"}', '{"pid": null}'])
def test_a_damaged_word_is_none(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    assert read_engine_word(tmp_path) is None


async def test_doctor_shows_what_the_running_engine_says(settings):
    written(settings.data_dir)
    found = await memory(settings)
    assert (found.verdict, found.said) == ("fine", LINE)
    other = "The engine differs from its plan: room for 1 tokens, planned 2 tokens (-50%)."
    written(settings.data_dir, plan=other, as_planned=False)
    found = await memory(settings)
    assert (found.verdict, found.said) == ("note", other)


async def test_doctor_shows_the_plan_where_no_engine_runs(settings):
    found = await memory(settings)
    assert found.verdict == "fine"
    assert "1.4 GiB of weights and 1.0 GiB of KV cache" in found.said
    assert found.said.endswith("No engine runs here now.")
    written(settings.data_dir, profile="scout")  # another profile's engine
    other = found.said.replace("No engine", "An engine")
    assert (await memory(settings)).said == other


async def test_doctor_fails_where_the_model_does_not_fit(settings, monkeypatch):
    bf16 = settings.model_copy(
        update={
            "engine": EngineSettings(
                profile="scout", model="meta-llama/Llama-4-Scout-17B-16E-Instruct"
            )
        }
    )
    monkeypatch.setenv("HF_HUB_CACHE", str(settings.data_dir))
    found = await memory(bf16)
    assert found.verdict == "fails"
    assert "4-bit weights" in found.said


async def test_a_profile_without_a_model_here_needs_no_memory(tmp_path):
    none = Settings(data_dir=tmp_path, engine=EngineSettings(profile="scripted"))
    assert (await memory(none)).verdict == "off"


async def test_doctor_shows_who_computes_the_experts_of_the_running_engine(settings):
    assert (await experts(settings)).verdict == "off"
    written(settings.data_dir, experts="30 of 30 expert layers run Outrider's experts in torch.")
    found = await experts(settings)
    assert (found.verdict, found.said) == (
        "fine",
        "30 of 30 expert layers run Outrider's experts in torch.",
    )
    written(settings.data_dir)  # a dense model's, or an older version's word
    assert (await experts(settings)).verdict == "off"
    written(settings.data_dir, profile="scout", experts="48 of 48")
    assert (await experts(settings)).verdict == "off"
