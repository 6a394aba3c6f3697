"""Rule ``package-cache``: what a package manager downloaded stays in the layer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.dockerfile.run_commands import RunCommand, RunScript, RunWord
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.apt import APT, later_user_of_lists, runs_unknown_script
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import LintContext, inserted_after
from weighbridge.domain.lint.model import LintFinding
from weighbridge.domain.lint.node import uses_classic_yarn, uses_modern_yarn
from weighbridge.domain.lint.package_caches import CACHES, PIP, PYTHON, PackageCache
from weighbridge.domain.lint.packages import removing_words
from weighbridge.domain.lint.purpose import Purpose
from weighbridge.domain.lint.stages import builds_in_final_stage

_CONDITION = late_pattern(r"(?:^|[;&|(\n]|RUN)\s*(?:if|case|for|while|until)\s")
_PROVIDERS = {
    "composer": ("php", "php-cli"),
    "npm": ("node", "nodejs", "npm"),
    "yarn": ("node", "nodejs", "npm", "yarn"),
}
"""The packages that a program goes with."""
_OFFLINE = late_pattern(r"--offline\b|--prefer-offline\b|--cacheonly\b|--no-index\b|--no-network\b")
_BY_NAME: dict[str, list[PackageCache]] = {}
for _one in CACHES:
    for _name in _one.names:
        _BY_NAME.setdefault(_name, []).append(_one)


def package_cache(context: LintContext) -> Iterator[LintFinding]:
    """``package-cache``: what a package manager downloaded stays in the layer."""
    for instruction, script in context.final_runs:
        seen: dict[int, PackageCache] = {}
        for command in script.commands:
            for cache in _caches_of(command):
                seen.setdefault(id(cache), cache)
        for cache in seen.values():
            found = next(_filling(cache, script), None)
            if found is not None and _counts(cache, context) and not _is_kept_out(cache, context, instruction, script):
                yield _finding(context, cache, instruction, script, found[0])


def _caches_of(command: RunCommand) -> list[PackageCache]:
    if PIP.fullmatch(command.name):
        return _BY_NAME["pip"]
    return _BY_NAME.get("python" if PYTHON.fullmatch(command.name) else command.name, [])


def _counts(cache: PackageCache, context: LintContext) -> bool:
    """False if the container needs the cache, or where it is small and people work in the image."""
    if cache.severity is Severity.INFO and context.purpose is not Purpose.RUN:
        return False
    if cache.of_build_tool and context.purpose is Purpose.RUN and builds_in_final_stage(context):
        return False
    start = context.start_command
    words = re.split(r"[\s/]+", start)
    if any(reader in words or (" " in reader and reader in start) for reader in cache.readers):
        return False
    return not ("yarn" in cache.names and uses_modern_yarn(context))


def _finding(
    context: LintContext, cache: PackageCache, instruction: Instruction, script: RunScript, command: RunCommand
) -> LintFinding:
    user = later_user_of_lists(context, instruction) if cache.names == APT else None
    edits = _edits(context, cache, instruction, script) if user is None else ()
    return context.finding(
        LintCode.PACKAGE_CACHE,
        cache.severity,
        instruction,
        f"this layer keeps {cache.what}; what a later instruction removes stays stored",
        _advice(cache, command) if user is None else _joining_advice(user),
        edits=edits,
        is_safe=_is_safe(context, cache, instruction, script),
        command=command,
        cause=f"package-cache {cache.what}",
        about_bytes=cache.about_bytes,
    )


def _filling(cache: PackageCache, script: RunScript) -> Iterator[tuple[RunCommand, RunWord]]:
    for command in script.commands:
        if cache not in _caches_of(command) or {"--version", "--help"} & set(command.values):
            continue
        if (word := cache.fills(command)) is not None:
            yield command, word


def _is_kept_out(cache: PackageCache, context: LintContext, instruction: Instruction, script: RunScript) -> bool:
    """True if the same ``RUN`` empties the cache, a mount takes it, or a variable switches it off."""
    for mount in instruction.flags.get("mount", ()):
        if re.search(r"type=(?:cache|tmpfs)", mount) and (cache.folder.search(mount) or "/.cache" in mount):
            return True
    if any(name in context.variables for name in cache.variables):
        return True
    for command in script.commands:
        if set(cache.variables) & {*command.assigned, *(value.partition("=")[0] for value in command.values)}:
            return True
        if cache in _caches_of(command) and cache.cleans(command):
            return True
        if command.name in {"rm", "find"} and any(cache.folder.search(word.source) for word in command.arguments):
            return True
        if "clean" in command.name and command.name not in _BY_NAME:
            return True  # A script of the author's own that says what it does.
    return False


def _edits(context: LintContext, cache: PackageCache, instruction: Instruction, script: RunScript) -> tuple[Edit, ...]:
    """The flag on each filling command, or the cleaning appended, run by the user who filled the cache."""
    filling = list(_filling(cache, script))
    if cache.flag and all(word.value not in {"update", "upgrade"} for _, word in filling):
        return tuple(edit for _, word in filling for edit in inserted_after(script, word.end, cache.flag))
    prefixes = {command.prefix for command, _ in filling}
    if cache.clean is None or len(prefixes) != 1 or any(command.is_nested for command, _ in filling):
        return ()
    prefix = prefixes.pop()
    if prefix and "~" in cache.clean:
        return ()  # The shell's own user expands it.
    if not cache.clean.startswith("rm ") and _may_be_gone(context, script, filling[-1][0]):
        return ()
    clean = cache.clean.format(name=filling[0][0].name)
    return context.appended(instruction, script, f"{prefix} {clean}" if prefix else clean)


def _may_be_gone(context: LintContext, script: RunScript, filling: RunCommand) -> bool:
    """True if the program that would clean up may not run at the end of the ``RUN``.

    The commands behind `filling` remove it, or the folder that the ``RUN`` works in (Node does not start there).
    """
    at = script.commands.index(filling)
    needed = {filling.name, *_PROVIDERS.get(filling.name, ())}
    moves = any(command.name in {"cd", "pushd"} for command in script.commands)
    for command in script.commands[at + 1 :]:
        removed = removing_words(context, script, command)
        if command.name == "rpm" or (command.name in {"npm", "yarn"} and {"uninstall", "remove"} & set(command.values)):
            removed = list(command.values)
        if any(word.partition("=")[0] in needed or word.startswith((".", "$", "*")) for word in removed or ()):
            return True
        if command.name != "rm":
            continue
        if moves and any(re.match(r"-\w*[rR]|--recursive", value) for value in command.values):
            return True
        if any(one in word.source for word in command.arguments for one in needed):
            return True
    return False


def _is_safe(context: LintContext, cache: PackageCache, instruction: Instruction, script: RunScript) -> bool:
    """True if nothing that comes later can miss the cache, and the cleaning program is sure to be there."""
    if not cache.is_safe or any(_OFFLINE.search(one.original) for one in context.final_instructions):
        return False
    if any(_OFFLINE.search(context.source(one)) for one, _ in context.runs_after(instruction)):
        return False
    clean = cache.clean or ""
    if not cache.flag and not clean.startswith("rm ") and _CONDITION.search(context.source(instruction)):
        return False  # In one branch of the condition the program may be missing.
    if "yarn" in cache.names:
        is_global = all("global" in command.values for command, _ in _filling(cache, script))
        return is_global or uses_classic_yarn(context)
    if cache.names == APT:
        return not any(runs_unknown_script(later) for _, later in context.runs_after(instruction))
    return True


def _joining_advice(user: Instruction) -> str:
    return (
        f"Make it one RUN with line {user.line}, which installs from these lists, and end that with "
        "rm -rf /var/lib/apt/lists/*"
    )


def _advice(cache: PackageCache, command: RunCommand) -> str:
    if cache.flag:
        return f"Add {cache.flag}, or keep the cache outside of the image: RUN --mount=type=cache"
    if cache.clean is None:
        return "Keep the cache outside of the image (RUN --mount=type=cache), or build in a stage of its own"
    clean = cache.clean.format(name=command.name)
    return f"Run {clean} at the end of the same RUN, or keep the cache outside of it: RUN --mount=type=cache"
