"""Platforms of images, and the choice that an engine makes among several.

Rules: containerd's ``platforms`` package (``Normalize``, ``platformVector`` behind ``Only``), which docker pull uses.
"""

from __future__ import annotations

import platform as machine
import re
from collections.abc import Iterable

import msgspec

from weighbridge.errors import UsageError

_RUNS_TOO = frozenset({("amd64", "386"), ("arm64", "arm")})
_NEWEST_ARM = 8
_OLDEST_ARM = 5
_MAX_VARIANT_LENGTH = 4
_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "i386": "386",
    "i686": "386",
    "aarch64": "arm64",
    "armv8l": "arm64",
    "armhf": "arm",
    "armv7l": "arm",
    "armel": "arm",
    "armv6l": "arm",
}
_KNOWN_SYSTEMS = frozenset({"linux", "windows", "darwin", "freebsd"})
_KNOWN_ARCHITECTURES = frozenset(
    {"386", "amd64", "arm", "arm64", "loong64", "mips64", "mips64le", "ppc64", "ppc64le", "riscv64", "s390x"}
)
_VARIANTS = {"armel": "v6", "armv6l": "v6"}
_OS_VERSION = re.compile(r"(?P<os>[A-Za-z]+)\((?P<version>[0-9][0-9.]{0,40})\)(?P<rest>/.*)?\Z")


class Platform(msgspec.Struct, frozen=True):
    """The platform of an image, as manifests and configs write it."""

    os: str = ""
    architecture: str = ""
    variant: str = ""
    os_version: str = msgspec.field(default="", name="os.version")
    """The build of Windows that the image is for, such as ``10.0.20348.169``."""

    def __str__(self) -> str:
        system = f"{self.os}({self.os_version})" if self.os_version else self.os
        return "/".join(part for part in (system, self.architecture, self.variant) if part)

    def normalised(self) -> Platform:
        """The canonical spelling: ``amd64/v1`` is ``amd64``, ``arm64/v8`` is ``arm64``, ``arm`` is ``arm/v7``.

        It has no version of the operating system.
        """
        architecture = self.architecture.lower()
        variant = self.variant.lower() or _VARIANTS.get(architecture, "")
        architecture = _ARCHITECTURES.get(architecture, architecture)
        if variant and variant[0] != "v" and variant.isdigit():
            variant = f"v{variant}"
        if (architecture, variant) in (("amd64", "v1"), ("arm64", "v8")):
            variant = ""
        elif architecture == "arm" and not variant:
            variant = "v7"
        return Platform(os=self.os.lower() or "linux", architecture=architecture, variant=variant)

    def runs(self) -> tuple[Platform, ...]:
        """The platforms whose images run on this one, best first: older variants, and the 32-bit architecture."""
        mine = self.normalised()
        found = [mine]
        number = _variant_number(mine.variant)
        if mine.architecture == "amd64":
            found += [mine.of("amd64", f"v{older}") for older in range(number - 1, 0, -1)]
            found.append(mine.of("386", ""))
        elif mine.architecture == "arm":
            found += [mine.of("arm", f"v{older}") for older in range(number - 1, _OLDEST_ARM - 1, -1)]
        elif mine.architecture == "arm64":
            newest = min(number, _NEWEST_ARM) if number else _NEWEST_ARM
            found.append(mine.of("arm64", ""))
            found += [mine.of("arm", f"v{older}") for older in range(newest, _OLDEST_ARM - 1, -1)]
        return tuple(dict.fromkeys(one.normalised() for one in found))

    def of(self, architecture: str, variant: str) -> Platform:
        """Another architecture of the same system."""
        return Platform(os=self.os, architecture=architecture, variant=variant)

    def best_of(self, offered: Iterable[Platform]) -> Platform | None:
        """The best of `offered`, normalised, for an engine of this platform; ``None`` if none runs."""
        there = {one.normalised() for one in offered}
        return next((one for one in self.runs() if one in there), None)


def _variant_number(variant: str) -> int:
    digits = variant.removeprefix("v")
    return int(digits) if len(digits) < _MAX_VARIANT_LENGTH and digits.isdecimal() and digits.isascii() else 0


def this_machine() -> Platform:
    """Linux on the processor of this machine: engines on macOS and Windows run Linux images too."""
    return Platform(os="linux", architecture=machine.machine()).normalised()


def parse_platform(text: str) -> Platform:
    """``os/architecture[/variant]``, an operating system or an architecture, as ``--platform`` of docker takes it.

    ``windows(10.0.20348)/amd64`` also names the version of the system. Raises `UsageError` for any other text. Source:
    ``Parse`` of containerd's ``platforms`` package.
    """
    version = _OS_VERSION.match(text)
    if version is not None:
        plain = parse_platform(version["os"] + (version["rest"] or ""))
        return msgspec.structs.replace(plain, os_version=version["version"])
    parts = text.split("/")
    if parts[0].lower() in _KNOWN_SYSTEMS and len(parts) == 1:
        return Platform(os=parts[0].lower(), architecture=this_machine().architecture)
    if len(parts) == 1 and _ARCHITECTURES.get(parts[0].lower(), parts[0].lower()) in _KNOWN_ARCHITECTURES:
        return Platform(os="linux", architecture=parts[0])
    if len(parts) not in (2, 3) or not all(parts):
        raise UsageError(f"{text!r} is not a platform; write for example linux/amd64 or linux/arm/v7")
    return Platform(os=parts[0], architecture=parts[1], variant=parts[2] if len(parts) == 3 else "")


def runs_natively(here: tuple[str, str], wanted: tuple[str, str]) -> bool:
    """True if a machine runs programs of another one without emulation. Both are a system and an architecture."""
    return here == wanted or (here[0] == wanted[0] and (here[1], wanted[1]) in _RUNS_TOO)
