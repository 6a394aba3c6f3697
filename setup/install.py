"""Installs the locked packages into a folder of the job, and puts the command `weighbridge` on its PATH.

The packages are those of the Action's container: `requirements/runtime.lock`, each with its hash. The program itself
runs from the Action's own folder. Nothing is built, and the runner's Python keeps its packages.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_LOCK = _ROOT / "requirements" / "runtime.lock"
_SOURCE = _ROOT / "src"
# -I: imports come from these folders only, not from the working folder (the pull request's) or the job's variables.
_SHELL = '#!/bin/sh\nexec "{python}" -I "{launcher}" "$@"\n'
_BATCH = '@"{python}" -I "{launcher}" %*\n'
_LAUNCHER = """\
import runpy
import sys

sys.path[:0] = {folders!r}
runpy.run_module("weighbridge", run_name="__main__", alter_sys=True)
"""


def main() -> int:
    """Install; the exit code is that of the step that failed."""
    folder = Path(tempfile.mkdtemp(prefix="weighbridge-", dir=os.environ.get("RUNNER_TEMP") or None))
    packages = folder / "packages"
    installed = _install(folder, packages)
    if installed != 0:
        print("::error::The packages of Weighbridge cannot be installed. The log above has pip's reason.")
        return installed
    command = _write_command(folder, [str(packages), str(_SOURCE)])
    version = _version()
    _append("GITHUB_PATH", str(command.parent))
    _append("GITHUB_OUTPUT", f"version={version}")
    print(f"weighbridge {version} with Python {sys.version.split()[0]}: {command}")
    return 0


def _install(folder: Path, packages: Path) -> int:
    """Install the locked packages into `packages`, with the Python's own pip or that of a new environment."""
    python = sys.executable
    if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode != 0:
        made = subprocess.run([python, "-m", "venv", str(folder / "venv")], check=False)
        if made.returncode != 0:
            return made.returncode
        python = str(folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-compile"]
    locked = ["--only-binary=:all:", "--require-hashes", "--requirement", str(_LOCK), "--target", str(packages)]
    return subprocess.run([*command, *locked], check=False).returncode


def _write_command(folder: Path, import_folders: list[str]) -> Path:
    """Write the command for shells and for Windows; returns its path."""
    launcher = folder / "launch.py"
    launcher.write_text(_LAUNCHER.format(folders=import_folders), encoding="utf-8")
    command = folder / "bin" / "weighbridge"
    command.parent.mkdir()
    python = Path(sys.executable)
    text = _SHELL.format(python=python.as_posix(), launcher=launcher.as_posix())
    command.write_text(text, encoding="utf-8", newline="\n")
    command.chmod(0o755)
    if os.name == "nt":
        command.with_suffix(".cmd").write_text(_BATCH.format(python=python, launcher=launcher), encoding="utf-8")
    return command


def _version() -> str:
    found = re.search(r'__version__ = "([^"]+)"', (_SOURCE / "weighbridge" / "__init__.py").read_text(encoding="utf-8"))
    return found.group(1) if found else "unknown"


def _append(variable: str, line: str) -> None:
    """Append to a file of the runner; without a runner there is none."""
    path = os.environ.get(variable)
    if path:
        with Path(path).open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
