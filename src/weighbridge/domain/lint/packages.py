"""Rules about package managers: recommended packages, caches left in a layer, dependencies of development."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.dockerfile.run_commands import Command, Script, Word
from weighbridge.domain.lint.context import LintContext, commands_of, inserted_after
from weighbridge.domain.lint.model import LintFinding

_APT = ("apt-get", "apt", "aptitude")
_APT_VALUES = frozenset(["-o", "-t", "-c", "-a", "--option", "--target-release", "--default-release", "--config-file"])
_NO_RECOMMENDS = re.compile(
    r"--no-install-recommends|--without-recommends|APT::Install-Recommends[\s=]*[\"']?(?:0|false|no)", re.IGNORECASE
)
_COMPUTED_OPTIONS = re.compile(r"\$\{?\w*(?:OPT|ARG|FLAG)", re.IGNORECASE)
_NOTHING_INSTALLED = frozenset(
    ["--dry-run", "--simulate", "-s", "--download-only", "-d", "--print-uris", "--just-print"]
)
_OMITS_DEV = re.compile(
    r"--omit[= ]?dev|--production(?!=false)|--prod(?:uction)?\b(?!=false)|--only[= ]prod|-P\b|--without[= ]dev|--no-dev"
)
_WANTS_DEV = frozenset(["--include=dev", "--prod=false", "--production=false"])
_PYTHON = re.compile(r"python[0-9.]*")
_PIP = re.compile(r"pip[0-9.]*")


# --- recommended packages -----------------------------------------------------------------------------------------


def recommended_packages(context: LintContext) -> Iterator[LintFinding]:
    """``recommended-packages``: ``apt-get install`` that also takes what the packages only recommend."""
    if "Install-Recommends" in context.text and _NO_RECOMMENDS.search(
        context.text.replace("--no-install-recommends", "")
    ):
        return  # Switched off by an option or a configuration file, for this command or for all of them.
    for instruction, script in context.final_runs:
        for command in commands_of(script, *_APT):
            install = command.subcommand(with_value=_APT_VALUES)
            if install is None or install.value != "install":
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
                "recommended-packages",
                Severity.WARNING,
                instruction,
                f"{command.name} install also installs every package that the named ones merely recommend",
                f"Add {flag}, and name the recommended packages that you do need (ca-certificates for curl)",
                edits=inserted_after(script, install.end, flag),
                is_safe=False,
                command=command,
            )


# --- caches -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cache:
    """How a package manager fills a cache, and what keeps it out of the layer.

    `fills` says of a command whether it does; it gives the word behind which `flag` goes, which keeps the cache from
    being written. `cleans` says of a command whether it empties it; `folder` matches the cache's path. `variables`
    switch it off. `clean` is the command to append, for managers without `flag` or where it does not help.
    """

    what: str
    names: tuple[str, ...]
    fills: Callable[[Command], Word | None]
    cleans: Callable[[Command], bool]
    folder: re.Pattern[str]
    severity: Severity = Severity.WARNING
    flag: str | None = None
    variables: tuple[str, ...] = ()
    clean: str | None = None


def _subcommand(*wanted: str, unless: tuple[str, ...] = ()) -> Callable[[Command], Word | None]:
    def fills(command: Command) -> Word | None:
        word = command.subcommand(with_value=_APT_VALUES if command.name in _APT else frozenset())
        if word is None or word.value not in wanted or set(unless) & set(command.values):
            return None
        return word

    return fills


def _has(*pairs: str) -> Callable[[Command], bool]:
    """A test for a command whose arguments include all words of one of `pairs`."""
    return lambda command: any(set(pair.split()) <= set(command.values) for pair in pairs)


def _pip_install(command: Command) -> Word | None:
    arguments = command.arguments
    if _PYTHON.fullmatch(command.name):
        if [word.value for word in arguments[:2]] != ["-m", "pip"]:
            return None
        arguments = arguments[2:]
    elif not _PIP.fullmatch(command.name):
        return None
    if {"--no-cache-dir", "--cache-dir", "--dry-run"} & {word.source.partition("=")[0] for word in arguments}:
        return None
    return next(
        (word for word in arguments if not word.source.startswith("-") and word.value in {"install", "wheel"}), None
    )


def _uv_install(command: Command) -> Word | None:
    values = [value for value in command.values if not value.startswith("-")]
    if {"--no-cache", "-n", "--cache-dir", "--no-cache-dir"} & set(command.values):
        return None
    if values[:1] == ["sync"] or values[:2] in (["pip", "install"], ["pip", "sync"], ["tool", "install"]):
        return next(word for word in command.arguments if word.source == values[0])
    return None


def _yarn_install(command: Command) -> Word | None:
    word = command.subcommand()
    if word is None:
        return command.arguments[-1] if command.arguments else None
    return word if word.value in {"install", "add"} else None


_CACHES = (
    _Cache(
        what="the package lists that apt-get update fetched (tens of MB)",
        names=_APT,
        fills=_subcommand("update"),
        cleans=lambda command: bool({"dist-clean", "distclean"} & set(command.values)),
        folder=re.compile(r"/var/lib/apt|/var/lib/\*|/var/lib/\{"),
        clean="rm -rf /var/lib/apt/lists/*",
    ),
    _Cache(
        what="apk's package index",
        names=("apk",),
        fills=_subcommand("add", "update", "upgrade", unless=("--no-cache", "--no-network")),
        cleans=_has("cache clean"),
        folder=re.compile(r"/var/cache/(?:apk|\*)|/etc/apk/cache|/lib/apk"),
        flag="--no-cache",
        clean="rm -rf /var/cache/apk/*",
    ),
    *(
        _Cache(
            what=f"{name}'s downloads and metadata",
            names=(name,),
            fills=_subcommand("install", "update", "upgrade", "groupinstall", "localinstall", "reinstall"),
            cleans=_has("clean all"),
            folder=re.compile(r"/var/cache/(?:yum|dnf|libdnf5|\*)"),
            clean=f"{name} clean all",
        )
        for name in ("dnf", "microdnf", "yum", "tdnf")
    ),
    _Cache(
        what="zypper's downloads and metadata",
        names=("zypper",),
        fills=_subcommand("install", "in", "update", "up"),
        cleans=lambda command: bool({"clean", "cc"} & set(command.values)),
        folder=re.compile(r"/var/cache/(?:zypp|\*)"),
        clean="zypper clean --all",
    ),
    _Cache(
        what="pip's downloads and built wheels",
        names=("pip", "python"),
        fills=_pip_install,
        cleans=_has("cache purge"),
        folder=re.compile(r"\.cache|pip|/root/\.\*"),
        flag="--no-cache-dir",
        variables=("PIP_NO_CACHE_DIR", "PIP_CACHE_DIR"),
    ),
    _Cache(
        what="uv's downloads and built wheels",
        names=("uv",),
        fills=_uv_install,
        cleans=_has("cache clean", "cache purge"),
        folder=re.compile(r"\.cache|uv"),
        flag="--no-cache",
        variables=("UV_NO_CACHE", "UV_CACHE_DIR"),
    ),
    _Cache(
        what="npm's downloads",
        names=("npm",),
        fills=_subcommand("ci", "install", "i", "add"),
        cleans=_has("cache clean"),
        folder=re.compile(r"\.npm|npm|\.cache"),
        severity=Severity.INFO,
        variables=("npm_config_cache", "NPM_CONFIG_CACHE"),
        clean="npm cache clean --force",
    ),
    _Cache(
        what="yarn's downloads",
        names=("yarn",),
        fills=_yarn_install,
        cleans=_has("cache clean"),
        folder=re.compile(r"yarn|\.cache"),
        severity=Severity.INFO,
        variables=("YARN_CACHE_FOLDER",),
        clean="yarn cache clean",
    ),
)


def package_cache(context: LintContext) -> Iterator[LintFinding]:
    """``package-cache``: what a package manager downloaded stays in the layer."""
    runs = context.final_runs
    for index, (instruction, script) in enumerate(runs):
        for cache in _CACHES:
            found = _filled(cache, script)
            if found is None or _is_kept_out(cache, context, instruction, script):
                continue
            command, _ = found
            user = _user_of_lists(cache, runs[index + 1 :])
            yield context.finding(
                "package-cache",
                cache.severity,
                instruction,
                f"this layer keeps {cache.what}; what a later instruction removes stays stored",
                _advice(cache) if user is None else _joining_advice(cache, user),
                edits=_edits(context, cache, instruction, script) if user is None else (),
                command=command,
            )


def _runs(cache: _Cache, command: Command) -> bool:
    return command.name in cache.names or (
        "pip" in cache.names and bool(_PIP.fullmatch(command.name) or _PYTHON.fullmatch(command.name))
    )


def _filling(cache: _Cache, script: Script) -> Iterator[tuple[Command, Word]]:
    for command in script.commands:
        if not _runs(cache, command) or {"--version", "--help"} & set(command.values):
            continue
        if (word := cache.fills(command)) is not None:
            yield command, word


def _filled(cache: _Cache, script: Script) -> tuple[Command, Word] | None:
    return next(_filling(cache, script), None)


def _is_kept_out(cache: _Cache, context: LintContext, instruction: Instruction, script: Script) -> bool:
    """True where the same ``RUN`` empties the cache, a mount takes it, or a variable switches it off."""
    for mount in instruction.flags.get("mount", ()):
        if re.search(r"type=(?:cache|tmpfs)", mount) and cache.folder.search(mount):
            return True
    if any(name in context.variables for name in cache.variables):
        return True
    for command in script.commands:
        if set(cache.variables) & {*command.assigned, *(value.partition("=")[0] for value in command.values)}:
            return True
        if _runs(cache, command) and cache.cleans(command):
            return True
        if command.name in {"rm", "find"} and any(cache.folder.search(word.source) for word in command.arguments):
            return True
    return False


def _edits(context: LintContext, cache: _Cache, instruction: Instruction, script: Script) -> tuple[Edit, ...]:
    """The flag on each filling command, or the cleaning appended."""
    filling = [word for _, word in _filling(cache, script)]
    if cache.flag and all(word.value not in {"update", "upgrade"} for word in filling):
        return tuple(edit for word in filling for edit in inserted_after(script, word.end, cache.flag))
    return context.appended(instruction, script, cache.clean) if cache.clean else ()


def _user_of_lists(cache: _Cache, later: Sequence[tuple[Instruction, Script]]) -> Instruction | None:
    """The later ``RUN`` that installs from the lists which this one fetched: without them it would fail."""
    if cache.names != _APT:
        return None
    return next((instruction for instruction, script in later if _installs_from_old_lists(script)), None)


def _installs_from_old_lists(script: Script) -> bool:
    words = [command.subcommand(with_value=_APT_VALUES) for command in commands_of(script, *_APT)]
    values = [word.value for word in words if word is not None]
    return "install" in values and "update" not in values[: values.index("install")]


def _joining_advice(cache: _Cache, user: Instruction) -> str:
    return f"Make it one RUN with line {user.line}, which installs from these lists, and end that with {cache.clean}"


def _advice(cache: _Cache) -> str:
    if cache.flag:
        return f"Add {cache.flag}, or keep the cache outside of the image: RUN --mount=type=cache"
    return f"Run {cache.clean} at the end of the same RUN, or keep the cache outside of it: RUN --mount=type=cache"


# --- dependencies of development ----------------------------------------------------------------------------------


def dev_dependencies(context: LintContext) -> Iterator[LintFinding]:
    """``dev-dependencies``: ``npm ci`` and kin that also install what only development needs."""
    if any(_is_production(context.variables.get(name)) for name in ("NODE_ENV", "NPM_CONFIG_PRODUCTION")):
        return
    if context.variables.keys() & {"NPM_CONFIG_OMIT", "npm_config_omit"}:
        return
    builds = any(
        command.name in {"npm", "yarn", "pnpm", "npx", "tsc", "vite", "webpack"}
        and any(
            value.startswith(("build", "tsc", "vite", "webpack", "run")) for value in (*command.values, command.name)
        )
        for _, script in context.final_runs
        for command in script.commands
    )
    for instruction, script in context.final_runs:
        if any(command.name in {"npm", "yarn", "pnpm"} and "prune" in command.values for command in script.commands):
            continue
        for command in commands_of(script, "npm", "yarn", "pnpm"):
            word = _installs_all(command)
            if word is None or _OMITS_DEV.search(" ".join(command.values)) or "NODE_ENV" in command.assigned:
                continue
            has_reason = builds or bool(_WANTS_DEV & set(command.values))
            flag = {"npm": "--omit=dev", "yarn": "--production", "pnpm": "--prod"}[command.name]
            yield context.finding(
                "dev-dependencies",
                Severity.WARNING,
                instruction,
                f"{command.name} {word.value} in the final stage also installs the dependencies of development",
                "Build in a stage of its own; the final one needs only the result and "
                f"{command.name} {word.value} {flag}"
                if has_reason
                else f"Add {flag}",
                edits=() if has_reason else inserted_after(script, word.end, flag),
                is_safe=False,
                command=command,
            )


def _is_production(value: str | None) -> bool:
    return value is not None and value.strip("\"'").lower() in {"production", "true"}


def _installs_all(command: Command) -> Word | None:
    """The word ``ci`` or ``install`` of a command that installs what the lock file names, not packages of its own."""
    words = [word for word in command.arguments if not word.source.startswith("-")]
    names = {"npm": {"ci", "install", "i", "clean-install"}, "yarn": {"install"}, "pnpm": {"install", "i"}}
    is_global = {"-g", "--global", "--package-lock-only"} & set(command.values)
    if len(words) != 1 or is_global or words[0].value not in names[command.name]:
        return None
    return words[0]
