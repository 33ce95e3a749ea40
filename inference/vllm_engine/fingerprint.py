"""Whether two workers have the same model, wherever each of them keeps it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from inference.weights.folder import CONFIG, weight_files

# Of each file of weights; all of it would take minutes. Other weights differ nearly everywhere.
SAMPLES = 32
SAMPLE_BYTES = 4096


def fingerprint(model: str, tokenizer: Any) -> str:
    """Of the model in the folder `model` (or of that name on the hub) and its tokenizer: ids mean
    the same exactly where the vocabulary is the same, and only the same weights would have gone on
    alike. Neither the folder's name nor its place is in it."""
    digest = hashlib.sha256()
    folder = Path(model)
    if folder.is_dir():
        digest.update((folder / CONFIG).read_bytes())
        for path in weight_files(folder):
            digest.update(_samples(path))
    else:
        digest.update(model.encode())
    for token, index in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]):
        digest.update(f"{index}:{token}\n".encode())
    digest.update(str(tokenizer.chat_template).encode())
    return digest.hexdigest()[:16]


def _samples(path: Path) -> bytes:
    """Its size, and pieces of it from its beginning to its end, equally far apart."""
    size = path.stat().st_size
    last = max(size - SAMPLE_BYTES, 0)
    with path.open("rb") as opened:
        found = [str(size).encode()]
        for number in range(SAMPLES):
            opened.seek(last * number // (SAMPLES - 1))
            found.append(opened.read(SAMPLE_BYTES))
    return b"".join(found)
