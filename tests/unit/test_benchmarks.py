"""The benchmarks start: nothing else runs them before a release."""

import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPTS = sorted((Path(__file__).parents[2] / "benchmarks").glob("bench_*.py"))


@pytest.mark.parametrize("script", _SCRIPTS, ids=[script.stem for script in _SCRIPTS])
def test_benchmark_asked_for_help_imports_all_it_needs(script):
    done = subprocess.run([sys.executable, script, "--help"], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout
