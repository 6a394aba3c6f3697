"""Debian's root file system of a release as a tarball, made with debootstrap and kept for the next run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from devkit.apt import need_programs
from devkit.command import DevkitError, run, run_visibly
from devkit.debian_engine import debian_mirror
from devkit.home import dev_home, only_one
from devkit.terminal import say

# As in the official images: no package archives and no translated texts stay behind after an `apt-get install`.
_ARCHIVES = "/var/cache/apt/archives/*.deb"
APT_CONF = f"""\
DPkg::Post-Invoke {{ "rm -f {_ARCHIVES} /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; }};
APT::Update::Post-Invoke {{ "rm -f {_ARCHIVES} /var/cache/apt/*.bin || true"; }};
Acquire::Languages "none";
Acquire::GzipIndexes "true";
"""
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_NEEDED = {"debootstrap": "debootstrap", "gpgv": "gpgv", "tar": "tar"}
_LEFT_OVER = (
    "var/cache/apt/archives/*.deb",
    "var/cache/apt/*.bin",
    "var/lib/apt/lists/*",
    "var/log/*.log",
    "var/log/apt/*",
)


def rootfs_tarball(suite: str) -> Path:
    """The tarball of this release's smallest Debian; made when there is none yet (half a minute)."""
    tarball = dev_home() / "rootfs" / f"debian-{suite}.tar"
    with only_one(f"rootfs-{suite}"):
        if not tarball.exists():
            _debootstrap(suite, tarball)
    return tarball


def _debootstrap(suite: str, tarball: Path) -> None:
    if os.geteuid() != 0:
        raise DevkitError(
            f"the hub does not answer, and a stand-in for debian:{suite} needs root: run this as root once"
        )
    need_programs(_NEEDED, reason="stand-ins for base images")
    if not _KEYRING.exists():
        need_programs({"no-such-program": "debian-archive-keyring"}, reason="stand-ins for base images")
    say(f"debootstrap {suite} (about half a minute, once)")
    folder = tarball.parent / f"{suite}.new"
    shutil.rmtree(folder, ignore_errors=True)
    tarball.parent.mkdir(parents=True, exist_ok=True)
    options = ["--variant=minbase", f"--keyring={_KEYRING}"]
    run_visibly(["debootstrap", *options, suite, folder, debian_mirror()], prefix=f"  │ debian:{suite}: ")
    for pattern in _LEFT_OVER:
        for path in folder.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (folder / "etc/apt/apt.conf.d/docker-clean").write_text(APT_CONF)
    unfinished = tarball.with_suffix(".tar.new")
    run(["tar", "--numeric-owner", "--sort=name", "-C", folder, "-cf", unfinished, "."])
    unfinished.rename(tarball)
    shutil.rmtree(folder)
