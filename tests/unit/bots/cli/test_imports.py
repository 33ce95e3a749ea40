"""What is asked of a server that runs needs none of what a server is made of."""

from __future__ import annotations

import subprocess
import sys

from tests.support.program import ROOT

PROGRAM = """
import sys, bots.cli.main, bots.cli.ask, bots.cli.evaluation.evaluate
assert not {'fastapi', 'uvicorn', 'sqlalchemy', 'telegram', 'torch'} & set(sys.modules)
"""


def test_a_question_from_the_terminal_imports_no_server() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60, cwd=ROOT)
