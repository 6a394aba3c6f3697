"""What ``apt-get`` and its kin do in a ``RUN``: which install, which refresh the package lists, which need them."""

from __future__ import annotations

import re

from weighbridge.domain.dockerfile import Instruction
from weighbridge.domain.dockerfile.run_commands import RunCommand, RunScript
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.context import LintContext

APT = ("apt-get", "apt", "aptitude")
APT_VALUES = frozenset(["-o", "-t", "-c", "-a", "--option", "--target-release", "--default-release", "--config-file"])

_NEEDS_LISTS = frozenset(
    ["build-dep", "dist-upgrade", "download", "full-upgrade", "install", "reinstall", "satisfy", "source", "upgrade"]
)
_INSTALLS_ANYHOW = frozenset(["gdebi", "mk-build-deps", "rosdep", "tasksel"])
_REFRESHES = frozenset(["add-apt-repository", "apt-add-repository", "install_packages"])
_SETUP_SCRIPTS = late_pattern(
    r"deb\.nodesource\.com/setup|get\.docker\.com|packagecloud\.io/install/\S*script\.deb|dl\.yarnpkg\.com/\S*\.sh"
    r"|packages\.gitlab\.com/install/\S*script\.deb|dl\.cloudsmith\.io/\S*setup\.deb|setup_[0-9]+\.x"
    r"|packages\.microsoft\.com/\S*InstallAzureCLIDeb|aka\.ms/InstallAzureCLIDeb|sury\.org/\S*README|apt\.postgresql\.org\.sh"
)
"""Scripts of package repositories that run ``apt-get update`` themselves, after they have added theirs."""

_INSTALL_IN_TEXT = late_pattern(r"\b(?:apt-get|apt|aptitude)\b[^&;|\n]{0,300}\b(?:install|build-dep|satisfy)\b")
_SHELLS = frozenset(["ash", "bash", "dash", "sh", "zsh"])
_RUNS_ANYTHING = frozenset(["ansible-playbook", "chef-client", "puppet", "salt-call", "source", "."])


def installs(command: RunCommand) -> bool:
    """True for ``apt-get install`` and what else needs package lists."""
    if command.name in _INSTALLS_ANYHOW:
        return True
    word = command.subcommand(with_value=APT_VALUES) if command.name in APT else None
    return word is not None and word.value in _NEEDS_LISTS


def refreshes(command: RunCommand) -> bool:
    """True for what fetches the package lists anew."""
    if command.name in _REFRESHES:
        return not {"-n", "--no-update", "--remove", "-r"} & set(command.values)
    if command.name in APT:
        word = command.subcommand(with_value=APT_VALUES)
        return word is not None and word.value in {"update", "update-index"}
    return False


def installs_from_old_lists(script: RunScript, source: str) -> bool:
    """True if a ``RUN`` with the text `source` installs before it has fetched lists of its own."""
    refreshed = False
    for command in script.commands:
        refreshed |= refreshes(command) or any(_SETUP_SCRIPTS.search(value) for value in command.values)
        if installs(command):
            return not refreshed
    found = _INSTALL_IN_TEXT.search(source)
    return found is not None and not refreshed and "update" not in source[: found.start()]


def later_user_of_lists(context: LintContext, instruction: Instruction) -> Instruction | None:
    """The later ``RUN`` that installs from the lists which `instruction` fetched, also in a child stage."""
    home = next(
        (one for one in context.dockerfile.stages if any(each is instruction for each in one.instructions)), None
    )
    own = {id(one) for one in home.instructions} if home else set()
    refreshed = False
    for one, script in context.runs_after(instruction):
        if refreshed and id(one) in own:
            continue
        if installs_from_old_lists(script, context.source(one)):
            return one
        if id(one) in own:
            refreshed |= any(refreshes(command) for command in script.commands)
            if refreshed:
                return None
    return None


def runs_unknown_script(script: RunScript) -> bool:
    """True if a ``RUN`` hands over to a script, which may install from the lists that are there."""
    for index, command in enumerate(script.commands):
        if command.name in _RUNS_ANYTHING or command.name.endswith((".sh", ".bash")):
            return True
        if command.name not in _SHELLS:
            continue
        files = [value for value in command.values if not value.startswith("-")]
        if any(re.fullmatch(r"-\w*c", value) for value in command.values):
            continue
        piped = command.operator == "|" and index and script.commands[index - 1].values
        before = " ".join(script.commands[index - 1].values) if piped else ""
        if (files and files != ["-"] and not before) or (before and not _SETUP_SCRIPTS.search(before)):
            return True
    return False
