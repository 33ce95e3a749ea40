"""The questions of `outrider_basics.yaml`, and who judges the answers. lm-eval loads it by path."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from datasets import Dataset


def load(**metadata: Any) -> dict[str, Dataset]:
    lines = Path(__file__).with_suffix(".jsonl").read_text("utf-8").splitlines()
    return {"test": Dataset.from_list([json.loads(line) for line in lines])}


def judge(doc: dict[str, str], results: list[str]) -> dict[str, float]:
    """1 where the answer stands in what was written, as a word of its own; else 0."""
    word = rf"(?<![\w.]){re.escape(doc['answer'])}(?![\w]|\.\d)"
    return {"answered": float(bool(re.search(word, results[0], re.IGNORECASE)))}
