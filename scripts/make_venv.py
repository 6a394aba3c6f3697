"""Makes .venv from requirements/dev.lock with this project installed in place; does nothing when that is done."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
import sysconfig
from pathlib import Path

from devkit.apt import install
from devkit.command import DevkitError, run, run_visibly, succeeds
from devkit.home import only_one
from devkit.terminal import say

_ROOT = Path(__file__).resolve().parent.parent
_VENV = _ROOT / ".venv"
_LOCK = _ROOT / "requirements/dev.lock"
_STAMP = _VENV / "made-from"


def main() -> int:
    """Set up; errors go to stderr as text, with exit code 1."""
    try:
        with only_one("venv"):
            _make()
    except DevkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _make() -> None:
    wanted = _fingerprint()
    if _STAMP.exists() and _STAMP.read_text() == wanted:
        return
    python = _VENV / "bin/python"
    if not succeeds([python, "-m", "pip", "--version"]):
        _create()
    say("installing the locked packages into .venv")
    pip: list[str | Path] = [python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    run_visibly([*pip, "--require-hashes", "--requirement", _LOCK])
    say("installing weighbridge into .venv, in place")
    run_visibly([*pip, "--no-deps", "--no-build-isolation", "--editable", _ROOT])
    _STAMP.write_text(wanted)


def _create() -> None:
    if importlib.util.find_spec("ensurepip") is None:
        # Debian and Ubuntu have a separate package for it, one per version of Python.
        install({f"python{sysconfig.get_python_version()}-venv"}, reason="a virtual environment")
    say(f"making .venv with Python {sys.version.split()[0]}")
    shutil.rmtree(_VENV, ignore_errors=True)
    run([sys.executable, "-m", "venv", _VENV])


def _fingerprint() -> str:
    """Changes when the lock file, the project's metadata, the Python or the folder of the project changes."""
    digest = hashlib.sha256(f"{sys.version}\n{sys.base_prefix}\n{_ROOT}\n".encode())
    for path in (_LOCK, _ROOT / "pyproject.toml", _ROOT / "src/weighbridge/__init__.py"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
