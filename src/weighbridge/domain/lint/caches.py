"""Rule ``package-cache``: what a package manager downloaded stays in the layer. The managers are data, below."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.dockerfile.run_commands import RunCommand, RunScript, RunWord
from weighbridge.domain.lint.apt import APT, APT_VALUES, later_user_of_lists, runs_unknown_script
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import LintContext, inserted_after
from weighbridge.domain.lint.model import LintFinding
from weighbridge.domain.lint.node import uses_classic_yarn, uses_modern_yarn
from weighbridge.domain.lint.purpose import Purpose
from weighbridge.domain.lint.stages import builds_in_final_stage

_PYTHON = re.compile(r"python[0-9.]*")
_PIP = re.compile(r"pip[0-9.]*")
_CONDITION = re.compile(r"(?:^|[;&|(\n]|RUN)\s*(?:if|case|for|while|until)\s")
_OFFLINE = re.compile(r"--offline\b|--prefer-offline\b|--cacheonly\b|--no-index\b|--no-network\b")
_MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cache:
    """How a package manager fills a cache, and what keeps it out of the layer.

    `fills` says of a command whether it does; it gives the word behind which `flag` goes, which keeps the cache from
    being written. `cleans` says of a command whether it empties it; `folder` matches the cache's path. `variables`
    switch it off. `clean` is the command to append, for managers without `flag` or where it does not help; it is a safe
    fix where `is_safe`. `readers` are programs that read the cache when the container starts them. The cache
    `of_build_tool` goes with the tool, where that has to leave the final stage. `about_bytes` is an order of magnitude.
    """

    what: str
    names: tuple[str, ...]
    fills: Callable[[RunCommand], RunWord | None]
    cleans: Callable[[RunCommand], bool]
    folder: re.Pattern[str]
    about_bytes: int
    severity: Severity = Severity.WARNING
    flag: str | None = None
    variables: tuple[str, ...] = ()
    clean: str | None = None
    is_safe: bool = True
    readers: tuple[str, ...] = ()
    of_build_tool: bool = False


def _subcommand(*wanted: str, unless: tuple[str, ...] = ()) -> Callable[[RunCommand], RunWord | None]:
    def fills(command: RunCommand) -> RunWord | None:
        word = command.subcommand(with_value=APT_VALUES if command.name in APT else frozenset())
        if word is None or word.value not in wanted or set(unless) & set(command.values):
            return None
        return word

    return fills


def _any_word(*wanted: str, unless: tuple[str, ...] = ()) -> Callable[[RunCommand], RunWord | None]:
    """The first argument that is one of `wanted`, wherever it stands (``mvn -B clean package``)."""

    def fills(command: RunCommand) -> RunWord | None:
        if set(unless) & set(command.values):
            return None
        return next((word for word in command.arguments if word.value in wanted), None)

    return fills


def _has(*pairs: str) -> Callable[[RunCommand], bool]:
    """A test for a command whose arguments include all words of one of `pairs`."""
    return lambda command: any(set(pair.split()) <= set(command.values) for pair in pairs)


def _pip_install(command: RunCommand) -> RunWord | None:
    arguments = command.arguments
    if _PYTHON.fullmatch(command.name):
        if [word.value for word in arguments[:2]] != ["-m", "pip"]:
            return None
        arguments = arguments[2:]
    elif not _PIP.fullmatch(command.name):
        return None
    if {"--no-cache-dir", "--no-cache", "--cache-dir", "--dry-run"} & {
        word.source.partition("=")[0] for word in arguments
    }:
        return None
    word = next((one for one in arguments if not one.source.startswith("-")), None)
    return word if word is not None and word.value in {"install", "wheel"} else None


def _uv_install(command: RunCommand) -> RunWord | None:
    values = [value for value in command.values if not value.startswith("-")]
    if {"--no-cache", "-n", "--cache-dir", "--no-cache-dir"} & set(command.values):
        return None
    if values[:1] == ["sync"] or values[:2] in (["pip", "install"], ["pip", "sync"], ["tool", "install"]):
        return next(word for word in command.arguments if word.source == values[0])
    return None


def _yarn_install(command: RunCommand) -> RunWord | None:
    word = command.subcommand(with_value=frozenset(["--cwd", "--registry", "--network-timeout", "--modules-folder"]))
    if word is None:
        return command.arguments[-1] if command.arguments else None
    return word if word.value in {"install", "add", "global"} else None


def _pacman_install(command: RunCommand) -> RunWord | None:
    return next((word for word in command.arguments if re.fullmatch(r"-S(?!c+$)[yuwq]*\w*", word.source)), None)


def _conda_install(command: RunCommand) -> RunWord | None:
    if {"--dry-run", "-d", "--download-only"} & set(command.values):
        return None
    word = command.subcommand(with_value=frozenset(["-n", "--name", "-p", "--prefix", "-c", "--channel"]))
    return word if word is not None and word.value in {"install", "create", "update", "env", "upgrade"} else None


def _go_command(command: RunCommand) -> RunWord | None:
    word = command.subcommand()
    if word is None or word.value not in {"build", "install", "get", "mod", "test", "generate", "run"}:
        return None
    wants_mod = word.value == "mod"
    return word if not wants_mod or {"download", "tidy", "vendor"} & set(command.values) else None


def _system(name: str, folder: str, *installing: str) -> _Cache:
    return _Cache(
        what=f"{name}'s downloads and metadata",
        names=(name,),
        fills=_subcommand(*installing),
        cleans=_has("clean all"),
        folder=re.compile(folder),
        clean=f"{name} clean all",
        about_bytes=50 * _MEGABYTE,
    )


_CACHES = (
    _Cache(
        what="the package lists that apt-get update fetched",
        names=APT,
        fills=_subcommand("update"),
        cleans=lambda command: bool({"dist-clean", "distclean"} & set(command.values)),
        folder=re.compile(r"/var/lib/apt|/var/lib/\*|/var/lib/\{|/apt/lists"),
        clean="rm -rf /var/lib/apt/lists/*",
        about_bytes=20 * _MEGABYTE,
    ),
    _Cache(
        what="apk's package index",
        names=("apk",),
        fills=_subcommand("add", "update", "upgrade", unless=("--no-cache", "--no-network")),
        cleans=_has("cache clean"),
        folder=re.compile(r"/var/cache/(?:apk|\*)|/etc/apk/cache|/lib/apk|/var/cache/?$"),
        flag="--no-cache",
        clean="rm -rf /var/cache/apk/*",
        about_bytes=2 * _MEGABYTE,
    ),
    *(
        _system(name, r"/var/cache/(?:yum|dnf|libdnf5|\*)|/var/cache/?$", "install", "update", "upgrade", "reinstall")
        for name in ("dnf", "microdnf", "yum", "tdnf")
    ),
    *(
        _system(name, r"/var/cache/(?:yum|dnf|libdnf5|\*)|/var/cache/?$", "groupinstall", "localinstall", "group")
        for name in ("dnf", "yum")
    ),
    _Cache(
        what="zypper's downloads and metadata",
        names=("zypper",),
        fills=_subcommand("install", "in", "update", "up", "refresh", "ref"),
        cleans=lambda command: bool({"clean", "cc"} & set(command.values)),
        folder=re.compile(r"/var/cache/(?:zypp|\*)"),
        clean="zypper clean --all",
        about_bytes=50 * _MEGABYTE,
    ),
    _Cache(
        what="pacman's downloaded packages",
        names=("pacman", "yay", "paru"),
        fills=_pacman_install,
        cleans=lambda command: any(re.match(r"-S\w*c", value) for value in command.values),
        folder=re.compile(r"/var/cache/(?:pacman|\*)|/var/cache/?$"),
        clean="rm -rf /var/cache/pacman/pkg/*",
        about_bytes=100 * _MEGABYTE,
    ),
    _Cache(
        what="pip's downloads and built wheels",
        names=("pip", "python"),
        fills=_pip_install,
        cleans=_has("cache purge"),
        folder=re.compile(r"\.cache|pip|/root/\.\*"),
        flag="--no-cache-dir",
        variables=("PIP_NO_CACHE_DIR", "PIP_CACHE_DIR"),
        about_bytes=50 * _MEGABYTE,
    ),
    _Cache(
        what="uv's downloads and built wheels",
        names=("uv",),
        fills=_uv_install,
        cleans=_has("cache clean", "cache purge", "cache prune"),
        folder=re.compile(r"\.cache|uv"),
        flag="--no-cache",
        variables=("UV_NO_CACHE", "UV_CACHE_DIR"),
        about_bytes=100 * _MEGABYTE,
        readers=("uv", "uvx"),
    ),
    _Cache(
        what="poetry's downloads",
        names=("poetry",),
        fills=_subcommand("install", "add", "update", "sync"),
        cleans=lambda command: "cache" in command.values and "clear" in command.values,
        folder=re.compile(r"pypoetry|\.cache|POETRY_CACHE"),
        variables=("POETRY_CACHE_DIR", "POETRY_NO_CACHE"),
        clean="rm -rf ~/.cache/pypoetry/cache ~/.cache/pypoetry/artifacts",
        about_bytes=100 * _MEGABYTE,
    ),
    _Cache(
        what="pipenv's downloads",
        names=("pipenv",),
        fills=_subcommand("install", "sync", "update"),
        cleans=_has("--clear"),
        folder=re.compile(r"\.cache|pipenv|pip"),
        variables=("PIP_NO_CACHE_DIR", "PIP_CACHE_DIR", "PIPENV_CACHE_DIR"),
        clean="rm -rf ~/.cache/pip ~/.cache/pipenv",
        about_bytes=50 * _MEGABYTE,
    ),
    _Cache(
        what="conda's downloaded packages",
        names=("conda", "mamba", "micromamba"),
        fills=_conda_install,
        cleans=lambda command: "clean" in command.values,
        folder=re.compile(r"/pkgs|conda|\.cache"),
        clean="{name} clean --all --yes",
        about_bytes=500 * _MEGABYTE,
    ),
    _Cache(
        what="npm's downloads",
        names=("npm",),
        fills=_subcommand("ci", "install", "i", "add", "clean-install", "install-clean"),
        cleans=_has("cache clean", "cache clear", "cache rm", "cache verify"),
        folder=re.compile(r"\.npm|npm|\.cache"),
        severity=Severity.INFO,
        variables=("npm_config_cache", "NPM_CONFIG_CACHE"),
        clean="npm cache clean --force",
        about_bytes=30 * _MEGABYTE,
        readers=("npx",),
    ),
    _Cache(
        what="yarn's downloads",
        names=("yarn",),
        fills=_yarn_install,
        cleans=_has("cache clean", "cache clear"),
        folder=re.compile(r"yarn|\.cache"),
        severity=Severity.INFO,
        variables=("YARN_CACHE_FOLDER", "YARN_ENABLE_GLOBAL_CACHE"),
        clean="yarn cache clean",
        about_bytes=50 * _MEGABYTE,
    ),
    _Cache(
        what="pnpm's store (without bytes of its own where it is linked into node_modules)",
        names=("pnpm",),
        fills=_subcommand("install", "i", "add", "fetch"),
        cleans=_has("store prune"),
        folder=re.compile(r"pnpm|\.cache|store"),
        severity=Severity.INFO,
        variables=("PNPM_HOME", "npm_config_store_dir", "NPM_CONFIG_STORE_DIR"),
        about_bytes=30 * _MEGABYTE,
        readers=("pnpm",),
    ),
    _Cache(
        what="bun's downloads",
        names=("bun",),
        fills=_subcommand("install", "i", "add"),
        cleans=_has("pm cache rm"),
        folder=re.compile(r"bun|\.cache"),
        severity=Severity.INFO,
        variables=("BUN_INSTALL_CACHE_DIR",),
        clean="bun pm cache rm",
        is_safe=False,
        about_bytes=30 * _MEGABYTE,
        readers=("bunx",),
    ),
    _Cache(
        what="composer's downloads",
        names=("composer", "composer.phar"),
        fills=_subcommand("install", "update", "require", "create-project", "global", unless=("--no-cache",)),
        cleans=lambda command: bool({"clear-cache", "clearcache", "cc"} & set(command.values)),
        folder=re.compile(r"composer|\.cache|/tmp/\*"),
        severity=Severity.INFO,
        variables=("COMPOSER_CACHE_DIR",),
        clean="composer clear-cache",
        about_bytes=20 * _MEGABYTE,
    ),
    _Cache(
        what="bundler's downloaded gems",
        names=("bundle", "bundler"),
        fills=lambda command: next((word for word in command.arguments if word.value == "install"), None),
        cleans=lambda command: "no-cache" in command.values or "no_cache" in " ".join(command.values),
        folder=re.compile(r"cache|bundle|\.gem"),
        severity=Severity.INFO,
        variables=("BUNDLE_NO_CACHE",),
        about_bytes=20 * _MEGABYTE,
    ),
    _Cache(
        what="Go's module and build caches",
        names=("go",),
        fills=_go_command,
        cleans=lambda command: command.values[:1] == ("clean",) and any("cache" in one for one in command.values),
        folder=re.compile(r"go/pkg|go-build|\.cache|gomod|GOPATH|GOCACHE|GOMODCACHE|/go/?\*?$|/usr/local/go"),
        variables=("GOMODCACHE",),
        clean="go clean -cache -modcache",
        is_safe=False,
        about_bytes=1000 * _MEGABYTE,
        readers=("go", "air", "reflex", "dlv", "make"),
        of_build_tool=True,
    ),
    _Cache(
        what="cargo's registry and build folder",
        names=("cargo",),
        fills=_any_word("build", "install", "fetch", "check", "test", unless=("uninstall",)),
        cleans=lambda command: command.values[:1] in {("clean",), ("cache",)},
        folder=re.compile(r"cargo|registry|target|CARGO_HOME"),
        about_bytes=500 * _MEGABYTE,
        readers=("cargo", "make"),
        of_build_tool=True,
    ),
    _Cache(
        what="Maven's local repository",
        names=("mvn", "mvnw"),
        fills=_any_word(
            "package", "install", "verify", "compile", "dependency:go-offline", "dependency:resolve", "deploy", "test"
        ),
        cleans=lambda _command: False,
        folder=re.compile(r"\.m2|maven"),
        about_bytes=200 * _MEGABYTE,
        readers=("mvn", "mvnw"),
        of_build_tool=True,
    ),
    _Cache(
        what="Gradle's downloads and its own distribution",
        names=("gradle", "gradlew"),
        fills=_any_word(
            "assemble",
            "bootJar",
            "build",
            "dependencies",
            "installDist",
            "jar",
            "shadowJar",
            "bootWar",
            "war",
            "fatJar",
        ),
        cleans=lambda _command: False,
        folder=re.compile(r"\.gradle|/gradle|GRADLE_USER_HOME"),
        about_bytes=500 * _MEGABYTE,
        readers=("gradle", "gradlew"),
        of_build_tool=True,
    ),
    _Cache(
        what="sbt's downloads",
        names=("sbt",),
        fills=lambda command: next(iter(command.arguments), None),
        cleans=lambda _command: False,
        folder=re.compile(r"\.ivy2|\.sbt|coursier|\.cache"),
        about_bytes=500 * _MEGABYTE,
        readers=("sbt",),
        of_build_tool=True,
    ),
    _Cache(
        what="NuGet's packages",
        names=("dotnet",),
        fills=_subcommand("restore", "build", "publish"),
        cleans=lambda command: "locals" in command.values,
        folder=re.compile(r"\.nuget|nuget"),
        variables=("NUGET_PACKAGES",),
        about_bytes=200 * _MEGABYTE,
        readers=("dotnet run", "dotnet watch", "dotnet test"),
        of_build_tool=True,
    ),
    _Cache(
        what="what pecl downloaded and compiled from",
        names=("pecl", "pear"),
        fills=_subcommand("install"),
        cleans=_has("clear-cache"),
        folder=re.compile(r"/tmp/pear|/tmp/\*|/tmp/?$|pear"),  # noqa: S108 - a path inside of an image
        severity=Severity.INFO,
        clean="rm -rf /tmp/pear",
        about_bytes=5 * _MEGABYTE,
    ),
    _Cache(
        what="what cpanm downloaded and compiled from",
        names=("cpanm",),
        fills=lambda command: next((word for word in command.arguments if not word.source.startswith("-")), None),
        cleans=lambda _command: False,
        folder=re.compile(r"\.cpanm|/root/\.\*"),
        severity=Severity.INFO,
        clean="rm -rf ~/.cpanm",
        about_bytes=20 * _MEGABYTE,
    ),
)
_BY_NAME: dict[str, list[_Cache]] = {}
for _one in _CACHES:
    for _name in _one.names:
        _BY_NAME.setdefault(_name, []).append(_one)


def package_cache(context: LintContext) -> Iterator[LintFinding]:
    """``package-cache``: what a package manager downloaded stays in the layer."""
    for instruction, script in context.final_runs:
        seen: dict[int, _Cache] = {}
        for command in script.commands:
            for cache in _caches_of(command):
                seen.setdefault(id(cache), cache)
        for cache in seen.values():
            found = next(_filling(cache, script), None)
            if found is not None and _counts(cache, context) and not _is_kept_out(cache, context, instruction, script):
                yield _finding(context, cache, instruction, script, found[0])


def _caches_of(command: RunCommand) -> list[_Cache]:
    if _PIP.fullmatch(command.name):
        return _BY_NAME["pip"]
    return _BY_NAME.get("python" if _PYTHON.fullmatch(command.name) else command.name, [])


def _counts(cache: _Cache, context: LintContext) -> bool:
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
    context: LintContext, cache: _Cache, instruction: Instruction, script: RunScript, command: RunCommand
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


def _filling(cache: _Cache, script: RunScript) -> Iterator[tuple[RunCommand, RunWord]]:
    for command in script.commands:
        if cache not in _caches_of(command) or {"--version", "--help"} & set(command.values):
            continue
        if (word := cache.fills(command)) is not None:
            yield command, word


def _is_kept_out(cache: _Cache, context: LintContext, instruction: Instruction, script: RunScript) -> bool:
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


def _edits(context: LintContext, cache: _Cache, instruction: Instruction, script: RunScript) -> tuple[Edit, ...]:
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
    clean = cache.clean.format(name=filling[0][0].name)
    return context.appended(instruction, script, f"{prefix} {clean}" if prefix else clean)


def _is_safe(context: LintContext, cache: _Cache, instruction: Instruction, script: RunScript) -> bool:
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


def _advice(cache: _Cache, command: RunCommand) -> str:
    if cache.flag:
        return f"Add {cache.flag}, or keep the cache outside of the image: RUN --mount=type=cache"
    if cache.clean is None:
        return "Keep the cache outside of the image (RUN --mount=type=cache), or build in a stage of its own"
    clean = cache.clean.format(name=command.name)
    return f"Run {clean} at the end of the same RUN, or keep the cache outside of it: RUN --mount=type=cache"
