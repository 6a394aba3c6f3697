"""Rules about packages of the distribution: recommended ones, headers that stay, upgrades of all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction
from weighbridge.domain.dockerfile.run_commands import RunCommand, RunScript
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.apt import APT, APT_VALUES
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import INSTALLING, SYSTEM_MANAGERS, LintContext, commands_of, inserted_after
from weighbridge.domain.lint.model import LintFinding
from weighbridge.domain.lint.purpose import Purpose

_NO_RECOMMENDS = late_pattern(
    r"--no-install-recommends|--without-recommends|APT::Install-Recommends[\s=]*[\"']?(?:0|false|no)", re.IGNORECASE
)
_COMPUTED_OPTIONS = late_pattern(r"\$\{?\w*(?:OPT|ARG|FLAG)", re.IGNORECASE)
_WITHOUT_RECOMMENDED = frozenset(
    [
        "apt-transport-https",
        "bzip2",
        "ca-certificates",
        "dumb-init",
        "jq",
        "locales",
        "lsb-release",
        "make",
        "netcat-openbsd",
        "socat",
        "sudo",
        "tini",
        "tzdata",
        "unzip",
        "xz-utils",
    ]
)
"""Packages that recommend nothing (``apt-cache show``, Debian 12)."""
_NOTHING_INSTALLED = frozenset(
    ["--dry-run", "--simulate", "-s", "--download-only", "-d", "--print-uris", "--just-print", "--only-upgrade"]
)
_REMOVING = frozenset(["autoremove", "del", "erase", "purge", "remove", "rm", "-R", "-Rs", "-Rns"])
_HEADERS = late_pattern(r"(?:lib)?[a-z0-9][a-z0-9.+_-]*-(?:dev|devel|headers|static)(?:[:=@~<>].*)?")
_NO_HEADERS = late_pattern(
    r".*(?:jdk|openjdk)-devel|ca-certificates-dev|git-dev|fonts-dev|(?!lib|zlib|.*-libs?-)[a-z0-9-]+-static"
)
"""Packages with such a name that are programs (``busybox-static``) or data."""

_ABOUT_HEADERS_BYTES = 10_000_000


def recommended_packages(context: LintContext) -> Iterator[LintFinding]:
    """``recommended-packages``: ``apt-get install`` that also takes what the packages only recommend."""
    if "Install-Recommends" in context.text and _NO_RECOMMENDS.search(
        context.text.replace("--no-install-recommends", "")
    ):
        return  # Switched off by an option or a configuration file, for this command or for all of them.
    if context.purpose is not Purpose.RUN:
        return  # Tools for people: what is recommended may well be wanted.
    for instruction, script in context.final_runs:
        for command in commands_of(script, *APT):
            install = command.subcommand(with_value=APT_VALUES)
            if install is None or install.value != "install" or not _names_packages(command):
                continue
            text = " ".join(command.values)
            if (
                _NO_RECOMMENDS.search(text)
                or _COMPUTED_OPTIONS.search(text)
                or _NOTHING_INSTALLED & set(command.values)
            ):
                continue
            flag = "--without-recommends" if command.name == "aptitude" else "--no-install-recommends"
            yield context.finding(
                LintCode.RECOMMENDED_PACKAGES,
                Severity.WARNING,
                instruction,
                f"{command.name} install also installs all recommended packages",
                f"Add {flag}, and name the recommended packages that you do need (ca-certificates for curl)",
                edits=inserted_after(script, install.end, flag),
                is_safe=False,
                command=command,
                cause="recommended-packages",
            )


def dev_packages(context: LintContext) -> Iterator[LintFinding]:
    """``dev-packages``: ``-dev`` packages (headers, static libraries) that stay in the final image."""
    if context.purpose is not Purpose.RUN or context.starts_nothing:
        return
    for index, (instruction, script) in enumerate(context.final_runs):
        for command in script.commands:
            found = [] if command.is_of_rare_platform else _headers_of(context, script, command)
            if not found or _is_removed(context, script, command, found):
                continue
            removed_by = _removed_later(context, index, found)
            if removed_by is not None:
                continue  # That is `rewritten-files`, said where it is removed.
            shown = ", ".join(found[:4]) + (" …" if len(found) > 4 else "")
            yield context.finding(
                LintCode.DEV_PACKAGES,
                Severity.WARNING,
                instruction,
                f"headers and static libraries stay in the image: {shown} {'is' if len(found) == 1 else 'are'} needed "
                "to compile only",
                "Compile in a build stage and copy the result; or purge them in the same RUN and keep the libraries "
                "without -dev (apk: --virtual and apk del)",
                command=command,
                cause="dev-packages",
                about_bytes=_ABOUT_HEADERS_BYTES * len(found),
            )


def distribution_upgrade(context: LintContext) -> Iterator[LintFinding]:
    """``distribution-upgrade``: all packages of the base image upgraded, so that they are stored twice."""
    if context.purpose is not Purpose.RUN:
        return
    for instruction, script in context.final_runs:
        for command in script.commands:
            if not _upgrades_all(command):
                continue
            yield context.finding(
                LintCode.DISTRIBUTION_UPGRADE,
                Severity.INFO,
                instruction,
                f"{command.name} {_upgrade_word(command)} stores each upgraded package a second time, beside the base "
                "image's",
                "Take a newer base image (docker build --pull), or upgrade only the packages that need it by name",
                command=command,
                cause="distribution-upgrade",
                about_bytes=50_000_000,
            )
            break


def _names_packages(command: RunCommand) -> bool:
    """False for ``install -f``, packages of a file, and packages that recommend nothing."""
    words = [value for value in command.values[1:] if not value.startswith("-") and value != "install"]
    return not all(
        word.endswith(".deb") or re.split("[=/:]", word.strip("\"'"))[0] in _WITHOUT_RECOMMENDED for word in words
    )


def packages_of(context: LintContext, script: RunScript, command: RunCommand) -> list[str]:
    """The packages that a command of a distribution's package manager installs; empty for other commands."""
    if command.name not in SYSTEM_MANAGERS:
        return []
    words = context.words_of(script, command)
    at = next((index for index, word in enumerate(words) if word in INSTALLING), None)
    if at is None or _NOTHING_INSTALLED & set(words):
        return []
    packages = []
    skip = False
    for word in words[at + 1 :]:
        if skip:
            skip = False
        elif word in {"-t", "--target-release", "-o", "--repository", "-X"} or word.startswith("--virtual"):
            skip = "=" not in word
        elif not word.startswith("-"):
            packages.append(word)
    return packages


def _headers_of(context: LintContext, script: RunScript, command: RunCommand) -> list[str]:
    if not any("-dev" in value or "-headers" in value or "-static" in value for value in command.values) and not any(
        "$" in word.source for word in command.arguments
    ):
        return []
    return [
        package
        for package in packages_of(context, script, command)
        if _HEADERS.fullmatch(package) and not _NO_HEADERS.fullmatch(package) and _is_virtual(command) is None
    ]


def _is_virtual(command: RunCommand) -> str | None:
    """The name of the group that ``apk add --virtual`` makes, to be removed as a whole."""
    values = command.values
    for index, value in enumerate(values):
        if value in {"-t", "--virtual"} and command.name == "apk" and index + 1 < len(values):
            return values[index + 1]
        if value.startswith("--virtual="):
            return value.partition("=")[2]
    return None


def removing_words(context: LintContext, script: RunScript, command: RunCommand) -> list[str] | None:
    """The packages that a package manager's command removes; ``None`` for other commands."""
    if command.name not in SYSTEM_MANAGERS:
        return None
    words = context.words_of(script, command)
    at = next((index for index, word in enumerate(words) if word in _REMOVING), None)
    if at is None:
        return None
    return [word for word in words[at + 1 :] if not word.startswith("-") and "::" not in word]


def _is_removed(context: LintContext, script: RunScript, command: RunCommand, found: list[str]) -> bool:
    """True if the same ``RUN`` removes some of the packages afterwards."""
    behind = False
    for one in script.commands:
        removed = removing_words(context, script, one) if behind else None
        if removed is not None and (not removed or _overlap(removed, found) or any("$" in word for word in removed)):
            return True
        behind |= one is command
    return False


def _removed_later(context: LintContext, index: int, found: list[str]) -> Instruction | None:
    for instruction, script in context.final_runs[index + 1 :]:
        for command in script.commands:
            removed = removing_words(context, script, command)
            if removed and _overlap(removed, found):
                return instruction
    return None


def _overlap(removed: list[str], found: list[str]) -> bool:
    names = {name.partition("=")[0] for name in found}
    return any(
        word in names or word in {"*-dev", "'*-dev'"} or (word.endswith("-dev") and "*" in word) for word in removed
    )


def _upgrade_word(command: RunCommand) -> str:
    word = command.subcommand(with_value=APT_VALUES)
    return word.value or "" if word is not None else ""


def _upgrades_all(command: RunCommand) -> bool:
    if command.name not in SYSTEM_MANAGERS or _NOTHING_INSTALLED & set(command.values):
        return False
    word = command.subcommand(with_value=APT_VALUES)
    if word is None:
        return False
    upgrading = {"dist-upgrade", "full-upgrade", "upgrade"}
    if command.name in {"dnf", "yum", "microdnf", "tdnf", "zypper"}:
        upgrading = {"update", "upgrade", "up", "dup", "distro-sync"}
    elif command.name == "pacman":
        return False
    if word.value not in upgrading:
        return False
    behind = command.arguments[command.arguments.index(word) + 1 :]
    return all(one.source.startswith("-") for one in behind) and not any(
        "security" in one.source for one in command.arguments
    )
