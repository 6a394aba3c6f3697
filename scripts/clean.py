"""Undoes what `make` did: stops the engines it started, removes stand-ins elsewhere, .venv and caches.

Engine data and downloads stay for other clones and the next run; `--all` removes them too.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from devkit import engines, images
from devkit.command import DevkitError
from devkit.home import dev_home
from devkit.terminal import say

_ROOT = Path(__file__).resolve().parent.parent
_MADE_HERE = (".venv", ".dev", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", "dist")


def main() -> int:
    """Clean; errors go to stderr as text, with exit code 1."""
    parser = argparse.ArgumentParser(prog="clean.py", description=__doc__)
    parser.add_argument("--all", action="store_true", help="also remove engine data, downloads and cached base images")
    arguments = parser.parse_args()
    try:
        for slot in engines.ALL_SLOTS:
            _clean_engine(slot)
        if arguments.all:
            say(f"removing {dev_home()}")
            shutil.rmtree(dev_home())
    except (DevkitError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name in _MADE_HERE:
        shutil.rmtree(_ROOT / name, ignore_errors=True)
    say("removed what was made in this folder: " + ", ".join(_MADE_HERE))
    return 0


def _clean_engine(slot: str) -> None:
    engine = engines.known(slot)
    if engine and not engine.private:
        say(f"{slot}: removed {images.remove_stand_ins(engine)} stand-ins from this machine's engine, which stays")
    say(f"{slot}: " + ("stopped our engine" if engines.stop(slot) else "no engine of ours runs"))


if __name__ == "__main__":
    sys.exit(main())
