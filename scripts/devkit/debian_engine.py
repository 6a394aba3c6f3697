"""Newer engines on an older Debian: their packages unpacked into a folder of their own, nothing installed.

Debian 12's engine knows neither the containerd image store nor buildx. Debian 13's does, and Debian sid has Docker 28.
Both run on Debian 12 with Debian 12's own `runc` (theirs ask for a newer libc).
"""

from __future__ import annotations

import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from devkit.apt import find_program, need_programs
from devkit.command import DevkitError, run
from devkit.home import dev_home
from devkit.terminal import say

_PACKAGES = ("containerd", "docker-buildx", "docker-cli", "docker.io")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_MIRROR_LINE = re.compile(r'^DEF_MIRROR="(http[^"]+/debian)"', re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A Debian release to take the engine from, and the folder of the kit that keeps it."""

    suite: str
    folder: str


DEBIAN_13 = Release(suite="trixie", folder="debian13")
DEBIAN_SID = Release(suite="sid", folder="debian-sid")


def debian_mirror() -> str:
    """The Debian mirror of this machine, otherwise debootstrap's default."""
    targets = run(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)"]).splitlines()
    for origin, label, address in (target.split("|", 2) for target in targets if target.count("|") >= 2):
        if (origin, label) == ("Debian", "Debian"):
            return address.rstrip("/")
    need_programs({"debootstrap": "debootstrap"}, reason="finding a Debian mirror")
    script = Path(find_program("debootstrap") or "").read_text()
    if match := _MIRROR_LINE.search(script):
        return match.group(1)
    raise DevkitError("no Debian mirror in apt's sources nor in debootstrap: add one to apt's sources")


def programs_folder(release: Release) -> Path:
    """Where `unpacked_programs` puts the programs of a release; it may not be there yet."""
    return dev_home() / release.folder / "bin"


def unpacked_programs(release: Release) -> Path:
    """The folder with the release's dockerd, containerd, docker and docker-buildx; fetched on the first call."""
    folder = dev_home() / release.folder
    binaries = folder / "bin"
    if binaries.exists():
        return binaries
    say(f"fetching the engine and buildx of Debian {release.suite} (about 80 MB) into a separate folder")
    shutil.rmtree(folder, ignore_errors=True)
    packages = _download(folder, release.suite)
    root = folder / "root"
    for package in packages:
        run(["dpkg", "-x", package, root])
        package.unlink()
    staged = folder / "bin.new"
    staged.mkdir()
    for program in _programs(root):
        (staged / program.name).symlink_to(program)
    staged.rename(binaries)
    return binaries


def _programs(root: Path) -> list[Path]:
    folders = [
        root / "usr/bin",
        root / "usr/sbin",
        root / "usr/libexec/docker",
        root / "usr/libexec/docker/cli-plugins",
    ]
    files = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    return [path for path in files if path.is_file() and path.stat().st_mode & stat.S_IXUSR]


def _download(folder: Path, suite: str) -> list[Path]:
    need_programs({"dpkg": "dpkg"}, reason="unpacking an engine")
    for name in ("lists/partial", "cache/archives/partial", "packages"):
        (folder / name).mkdir(parents=True)
    sources = folder / "engine.list"
    sources.write_text(f"deb [signed-by={_KEYRING}] {debian_mirror()} {suite} main\n")
    options = [
        *("-o", f"Dir::Etc::SourceList={sources}", "-o", "Dir::Etc::SourceParts=/dev/null"),
        *("-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache"),
        *("-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none"),
    ]
    run(["apt-get", *options, "update"], timeout_seconds=300)
    run(["apt-get", *options, "download", *_PACKAGES], cwd=folder / "packages", timeout_seconds=600)
    shutil.rmtree(folder / "lists")
    shutil.rmtree(folder / "cache")
    return sorted((folder / "packages").glob("*.deb"))
