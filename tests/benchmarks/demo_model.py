"""Builds the tests' demo model if it is not there, and prints its folder."""

from __future__ import annotations

from inference.demo.checkpoint import ensure_demo_model
from tests.support.demo import CACHE, quiet

if __name__ == "__main__":
    print(ensure_demo_model(CACHE, quiet).resolve())
