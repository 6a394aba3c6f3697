"""The distribution's packages: installed when root on an apt system, named exactly when not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from devkit.command import DevkitError, run_visibly, succeeds
from devkit.home import only_one
from devkit.terminal import say

_LISTS = Path("/var/lib/apt/lists")


def find_program(name: str) -> str | None:
    """The full path of a program, also where a user's PATH leaves out the administrator's folders."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")


def need_programs(packages_by_program: dict[str, str], *, reason: str) -> None:
    """Make sure that all these programs are there; install the packages of those that are not."""
    missing = {package for program, package in packages_by_program.items() if find_program(program) is None}
    if missing:
        install(missing, reason=reason)


def install(packages: Iterable[str], *, reason: str) -> None:
    """Install packages with apt. Raises `DevkitError` that names them when that is not possible here."""
    names = sorted(packages)
    if find_program("apt-get") is None:
        raise DevkitError(f"{reason} needs what Debian calls {', '.join(names)}: install that, then run this again")
    if os.geteuid() != 0:
        raise DevkitError(f"{reason} needs packages: run `sudo apt-get install {' '.join(names)}`, then this again")
    say(f"{reason}: installing {', '.join(names)}")
    with only_one("apt"):
        environment = {"DEBIAN_FRONTEND": "noninteractive"}
        command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", *names]
        if not any(_LISTS.glob("*_Packages*")) or not succeeds([*command, "--simulate"]):
            run_visibly(["apt-get", "update", "-q"], env=environment)
        run_visibly(command, env=environment)
