"""The caches of package managers: what fills and empties each, and where it is. Data for `package-cache`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile.run_commands import RunCommand, RunWord
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.apt import APT, APT_VALUES

PYTHON = late_pattern(r"python[0-9.]*")
PIP = late_pattern(r"pip[0-9.]*")
_MEGABYTE = 1_000_000


class PackageCache(NamedTuple):
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
    if PYTHON.fullmatch(command.name):
        if [word.value for word in arguments[:2]] != ["-m", "pip"]:
            return None
        arguments = arguments[2:]
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


def _system(name: str, folder: str, *installing: str) -> PackageCache:
    return PackageCache(
        what=f"{name}'s downloads and metadata",
        names=(name,),
        fills=_subcommand(*installing),
        cleans=_has("clean all"),
        folder=late_pattern(folder),
        clean=f"{name} clean all",
        about_bytes=50 * _MEGABYTE,
    )


CACHES = (
    PackageCache(
        what="the package lists that apt-get update fetched",
        names=APT,
        fills=_subcommand("update"),
        cleans=lambda command: bool({"dist-clean", "distclean"} & set(command.values)),
        folder=late_pattern(r"/var/lib/apt|/var/lib/\*|/var/lib/\{|/apt/lists"),
        clean="rm -rf /var/lib/apt/lists/*",
        about_bytes=20 * _MEGABYTE,
    ),
    PackageCache(
        what="apk's package index",
        names=("apk",),
        fills=_subcommand("add", "update", "upgrade", unless=("--no-cache", "--no-network")),
        cleans=_has("cache clean"),
        folder=late_pattern(r"/var/cache/(?:apk|\*)|/etc/apk/cache|/lib/apk|/var/cache/?$"),
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
    PackageCache(
        what="zypper's downloads and metadata",
        names=("zypper",),
        fills=_subcommand("install", "in", "update", "up", "refresh", "ref"),
        cleans=lambda command: bool({"clean", "cc"} & set(command.values)),
        folder=late_pattern(r"/var/cache/(?:zypp|\*)"),
        clean="zypper clean --all",
        about_bytes=50 * _MEGABYTE,
    ),
    PackageCache(
        what="pacman's downloaded packages",
        names=("pacman", "yay", "paru"),
        fills=_pacman_install,
        cleans=lambda command: any(re.match(r"-S\w*c", value) for value in command.values),
        folder=late_pattern(r"/var/cache/(?:pacman|\*)|/var/cache/?$"),
        clean="rm -rf /var/cache/pacman/pkg/*",
        about_bytes=100 * _MEGABYTE,
    ),
    PackageCache(
        what="pip's downloads and built wheels",
        names=("pip", "python"),
        fills=_pip_install,
        cleans=_has("cache purge"),
        folder=late_pattern(r"\.cache|pip|/root/\.\*"),
        flag="--no-cache-dir",
        variables=("PIP_NO_CACHE_DIR", "PIP_CACHE_DIR"),
        about_bytes=50 * _MEGABYTE,
    ),
    PackageCache(
        what="uv's downloads and built wheels",
        names=("uv",),
        fills=_uv_install,
        cleans=_has("cache clean", "cache purge", "cache prune"),
        folder=late_pattern(r"\.cache|uv"),
        flag="--no-cache",
        variables=("UV_NO_CACHE", "UV_CACHE_DIR"),
        about_bytes=100 * _MEGABYTE,
        readers=("uv", "uvx"),
    ),
    PackageCache(
        what="poetry's downloads",
        names=("poetry",),
        fills=_subcommand("install", "add", "update", "sync"),
        cleans=lambda command: "cache" in command.values and "clear" in command.values,
        folder=late_pattern(r"pypoetry|\.cache|POETRY_CACHE"),
        variables=("POETRY_CACHE_DIR", "POETRY_NO_CACHE"),
        clean="rm -rf ~/.cache/pypoetry/cache ~/.cache/pypoetry/artifacts",
        about_bytes=100 * _MEGABYTE,
    ),
    PackageCache(
        what="pipenv's downloads",
        names=("pipenv",),
        fills=_subcommand("install", "sync", "update"),
        cleans=_has("--clear"),
        folder=late_pattern(r"\.cache|pipenv|pip"),
        variables=("PIP_NO_CACHE_DIR", "PIP_CACHE_DIR", "PIPENV_CACHE_DIR"),
        clean="rm -rf ~/.cache/pip ~/.cache/pipenv",
        about_bytes=50 * _MEGABYTE,
    ),
    PackageCache(
        what="conda's downloaded packages",
        names=("conda", "mamba", "micromamba"),
        fills=_conda_install,
        cleans=lambda command: "clean" in command.values,
        folder=late_pattern(r"/pkgs|conda|\.cache"),
        clean="{name} clean --all --yes",
        about_bytes=500 * _MEGABYTE,
    ),
    PackageCache(
        what="npm's downloads",
        names=("npm",),
        fills=_subcommand("ci", "install", "i", "add", "clean-install", "install-clean"),
        cleans=_has("cache clean", "cache clear", "cache rm", "cache verify"),
        folder=late_pattern(r"\.npm|npm|\.cache"),
        severity=Severity.INFO,
        variables=("npm_config_cache", "NPM_CONFIG_CACHE"),
        clean="npm cache clean --force",
        about_bytes=30 * _MEGABYTE,
        readers=("npx",),
    ),
    PackageCache(
        what="yarn's downloads",
        names=("yarn",),
        fills=_yarn_install,
        cleans=_has("cache clean", "cache clear"),
        folder=late_pattern(r"yarn|\.cache"),
        severity=Severity.INFO,
        variables=("YARN_CACHE_FOLDER", "YARN_ENABLE_GLOBAL_CACHE"),
        clean="yarn cache clean",
        about_bytes=50 * _MEGABYTE,
    ),
    PackageCache(
        what="pnpm's store (without bytes of its own where it is linked into node_modules)",
        names=("pnpm",),
        fills=_subcommand("install", "i", "add", "fetch"),
        cleans=_has("store prune"),
        folder=late_pattern(r"pnpm|\.cache|store"),
        severity=Severity.INFO,
        variables=("PNPM_HOME", "npm_config_store_dir", "NPM_CONFIG_STORE_DIR"),
        about_bytes=30 * _MEGABYTE,
        readers=("pnpm",),
    ),
    PackageCache(
        what="bun's downloads",
        names=("bun",),
        fills=_subcommand("install", "i", "add"),
        cleans=_has("pm cache rm"),
        folder=late_pattern(r"bun|\.cache"),
        severity=Severity.INFO,
        variables=("BUN_INSTALL_CACHE_DIR",),
        clean="bun pm cache rm",
        is_safe=False,
        about_bytes=30 * _MEGABYTE,
        readers=("bunx",),
    ),
    PackageCache(
        what="composer's downloads",
        names=("composer", "composer.phar"),
        fills=_subcommand("install", "update", "require", "create-project", "global", unless=("--no-cache",)),
        cleans=lambda command: bool({"clear-cache", "clearcache", "cc"} & set(command.values)),
        folder=late_pattern(r"composer|\.cache|/tmp/\*|COMPOSER_HOME"),
        severity=Severity.INFO,
        variables=("COMPOSER_CACHE_DIR",),
        clean="composer clear-cache",
        about_bytes=20 * _MEGABYTE,
    ),
    PackageCache(
        what="bundler's downloaded gems",
        names=("bundle", "bundler"),
        fills=lambda command: next((word for word in command.arguments if word.value == "install"), None),
        cleans=lambda command: "no-cache" in command.values or "no_cache" in " ".join(command.values),
        folder=late_pattern(r"cache|bundle|\.gem"),
        severity=Severity.INFO,
        variables=("BUNDLE_NO_CACHE",),
        about_bytes=20 * _MEGABYTE,
    ),
    PackageCache(
        what="Go's module and build caches",
        names=("go",),
        fills=_go_command,
        cleans=lambda command: command.values[:1] == ("clean",) and any("cache" in one for one in command.values),
        folder=late_pattern(r"go/pkg|go-build|\.cache|gomod|GOPATH|GOCACHE|GOMODCACHE|/go/?\*?$|/usr/local/go"),
        variables=("GOMODCACHE",),
        clean="go clean -cache -modcache",
        is_safe=False,
        about_bytes=1000 * _MEGABYTE,
        readers=("go", "air", "reflex", "dlv", "make"),
        of_build_tool=True,
    ),
    PackageCache(
        what="cargo's registry and build folder",
        names=("cargo",),
        fills=_any_word("build", "install", "fetch", "check", "test", unless=("uninstall",)),
        cleans=lambda command: command.values[:1] in {("clean",), ("cache",)},
        folder=late_pattern(r"cargo|registry|target|CARGO_HOME"),
        about_bytes=500 * _MEGABYTE,
        readers=("cargo", "make"),
        of_build_tool=True,
    ),
    PackageCache(
        what="Maven's local repository",
        names=("mvn", "mvnw"),
        fills=_any_word(
            "package", "install", "verify", "compile", "dependency:go-offline", "dependency:resolve", "deploy", "test"
        ),
        cleans=lambda _command: False,
        folder=late_pattern(r"\.m2|maven"),
        about_bytes=200 * _MEGABYTE,
        readers=("mvn", "mvnw"),
        of_build_tool=True,
    ),
    PackageCache(
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
        folder=late_pattern(r"\.gradle|/gradle|GRADLE_USER_HOME"),
        about_bytes=500 * _MEGABYTE,
        readers=("gradle", "gradlew"),
        of_build_tool=True,
    ),
    PackageCache(
        what="sbt's downloads",
        names=("sbt",),
        fills=lambda command: next(iter(command.arguments), None),
        cleans=lambda _command: False,
        folder=late_pattern(r"\.ivy2|\.sbt|coursier|\.cache"),
        about_bytes=500 * _MEGABYTE,
        readers=("sbt",),
        of_build_tool=True,
    ),
    PackageCache(
        what="NuGet's packages",
        names=("dotnet",),
        fills=_subcommand("restore", "build", "publish"),
        cleans=lambda command: "locals" in command.values,
        folder=late_pattern(r"\.nuget|nuget"),
        variables=("NUGET_PACKAGES",),
        about_bytes=200 * _MEGABYTE,
        readers=("dotnet run", "dotnet watch", "dotnet test"),
        of_build_tool=True,
    ),
    PackageCache(
        what="what pecl downloaded and compiled from",
        names=("pecl", "pear"),
        fills=_subcommand("install"),
        cleans=_has("clear-cache"),
        folder=late_pattern(r"/tmp/pear|/tmp/\*|/tmp/?$|pear"),  # noqa: S108 - a path inside of an image
        severity=Severity.INFO,
        clean="rm -rf /tmp/pear",
        about_bytes=5 * _MEGABYTE,
    ),
    PackageCache(
        what="what cpanm downloaded and compiled from",
        names=("cpanm",),
        fills=lambda command: next((word for word in command.arguments if not word.source.startswith("-")), None),
        cleans=lambda _command: False,
        folder=late_pattern(r"\.cpanm|/root/\.\*"),
        severity=Severity.INFO,
        clean="rm -rf ~/.cpanm",
        about_bytes=20 * _MEGABYTE,
    ),
)
