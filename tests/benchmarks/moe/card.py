"""Where something was measured, and with what."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

NO_CARD = "no GPU, so times that say nothing"


@dataclass(frozen=True, slots=True)
class Card:
    card: str
    driver: str
    torch: str
    triton: str
    date: str
    commit: str

    @property
    def stem(self) -> str:
        """Of a file's name."""
        return f"{re.sub('[^a-z0-9]+', '-', self.card.lower())}-{self.date}"

    @property
    def line(self) -> str:
        return (
            f"{self.card}; driver {self.driver}; torch {self.torch}, Triton {self.triton}; "
            f"{self.date}; Outrider {self.commit}"
        )


def this_card(commit: str | None = None) -> Card:
    """`commit`: where the code was copied without its history."""
    import torch  # reading and drawing rows needs neither
    import triton

    there = torch.cuda.is_available()
    return Card(
        card=torch.cuda.get_device_name() if there else NO_CARD,
        driver=_said("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "-i0"),
        torch=torch.__version__,
        triton=triton.__version__,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        commit=commit or _said("git", "describe", "--always", "--dirty=+"),
    )


def _said(*command: str) -> str:
    here = Path(__file__).parent
    try:
        found = subprocess.run(command, cwd=here, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()
