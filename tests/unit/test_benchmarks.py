"""The benchmarks start: nothing else runs them before a release. README quotes their last figures."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_SCRIPTS = sorted((_ROOT / "benchmarks").glob("bench_*.py"))


@pytest.mark.parametrize("script", _SCRIPTS, ids=[script.stem for script in _SCRIPTS])
def test_benchmark_asked_for_help_imports_all_it_needs(script):
    done = subprocess.run([sys.executable, script, "--help"], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def _runs_of_action() -> dict[str, dict[str, float]]:
    """The table of `bench_action.py` in docs/benchmarks.md: seconds by run and phase."""
    lines = (_ROOT / "docs" / "benchmarks.md").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| run | image |"))
    titles = [cell.strip() for cell in lines[start].strip("|").split("|")]
    runs = {}
    for line in lines[start + 2 : start + 5]:
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        runs[name.partition(":")[0]] = dict(zip(titles[1:], map(float, cells), strict=True))
    return runs


def test_costs_in_readme_are_those_of_table():
    runs = _runs_of_action()
    phases = ("image", "start", "plan", "build", "read", "weigh", "publish")
    added = [runs[name]["all"] - runs[name]["bare builds of head"] for name in ("warm", "second push")]
    first = sum(runs["cold"][phase] for phase in phases)
    quoted = re.search(
        r"add (\d+) to (\d+) s to their builds, (\d+) s in a first run", (_ROOT / "README.md").read_text()
    )
    assert quoted is not None
    assert [int(number) for number in quoted.groups()] == [round(min(added)), round(max(added)), round(first)]
