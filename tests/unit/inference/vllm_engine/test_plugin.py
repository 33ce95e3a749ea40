import subprocess
import sys

import pytest

from inference.vllm_engine.version import UnsupportedVllm, check_version

NOTHING_LOADED = "assert not {'torch', 'vllm'} & set(sys.modules), 'the plugin touched vLLM'"


def test_the_plugin_does_nothing_where_nobody_asked_for_it():
    program = f"import sys, inference.vllm_engine.plugin as p; p.register(); {NOTHING_LOADED}"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, env={})


def test_another_version_of_vllm_is_refused_in_words():
    check_version("0.32.0")
    check_version("0.32.0+cpu")
    for version in ("0.33.0", "0.3.2", "1.32.0", "0.320.1"):
        with pytest.raises(UnsupportedVllm, match=version):
            check_version(version)
