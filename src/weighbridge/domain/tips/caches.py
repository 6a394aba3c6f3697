"""Tips on files that no container needs: caches of package managers, and sparse logs."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.domain.tips.context import FoundTip, TipContext, by_layer, common_folder, counted, total_bytes
from weighbridge.domain.tips.tip import Basis, Tip

_HOME = r"/(?:root|home/[^/]+)"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cache:
    """The cache of a package manager, and how to keep it out of the image.

    `places` match from the root. A container that starts one of `programs` needs the cache, so it gets no tip.
    """

    places: re.Pattern[str]
    remedy: str
    programs: frozenset[str] = field(default_factory=frozenset)


def _cache(places: str, remedy: str, *programs: str) -> _Cache:
    return _Cache(places=re.compile(places), remedy=remedy, programs=frozenset(programs))


_CACHES: dict[str, _Cache] = {
    "apt": _cache(
        r"/var/lib/apt/lists/|/var/cache/apt/",
        "end the RUN with: && rm -rf /var/lib/apt/lists/* /var/cache/apt/*",
    ),
    "apk": _cache(r"/var/cache/apk/|/etc/apk/cache/", "apk add --no-cache"),
    "dnf": _cache(r"/var/cache/(?:dnf|yum|libdnf5)/", "end the RUN with: && dnf clean all"),
    "zypper": _cache(r"/var/cache/zypp/", "end the RUN with: && zypper clean --all"),
    "pacman": _cache(r"/var/cache/pacman/pkg/", "end the RUN with: && rm -rf /var/cache/pacman/pkg/*"),
    "pip": _cache(rf"{_HOME}/\.cache/pip/", "pip install --no-cache-dir"),
    "poetry": _cache(
        rf"{_HOME}/\.cache/pypoetry/(?:cache|artifacts)/", "end the RUN with: && rm -rf ~/.cache/pypoetry/cache"
    ),
    "uv": _cache(rf"{_HOME}/\.cache/uv/", "uv --no-cache, or RUN --mount=type=cache,target=/root/.cache/uv", "uv"),
    "conda": _cache(
        rf"/opt/(?:conda|miniconda3?|miniforge3?)/pkgs/|{_HOME}/(?:\.conda|miniconda3?|miniforge3?)/pkgs/",
        "end the RUN with: && conda clean --all --yes",
    ),
    "npm": _cache(rf"{_HOME}/\.npm/(?:_cacache|_logs|_npx)/", "end the RUN with: && npm cache clean --force", "npx"),
    "yarn": _cache(
        rf"/usr/local/share/\.cache/yarn/|{_HOME}/\.cache/yarn/|{_HOME}/\.yarn/berry/cache/",
        "end the RUN with: && yarn cache clean",
    ),
    "pnpm": _cache(
        rf"{_HOME}/\.local/share/pnpm/store/|{_HOME}/\.pnpm-store/|{_HOME}/\.cache/pnpm/|/pnpm/store/",
        "RUN --mount=type=cache,target=/pnpm/store with PNPM_HOME=/pnpm",
    ),
    "bun": _cache(rf"{_HOME}/\.bun/install/cache/", "RUN --mount=type=cache,target=/root/.bun/install/cache", "bunx"),
    "go": _cache(
        rf"{_HOME}/\.cache/go-build/|/go/pkg/(?:mod|sumdb)/|{_HOME}/go/pkg/(?:mod|sumdb)/",
        "RUN --mount=type=cache,target=/root/.cache/go-build --mount=type=cache,target=/go/pkg/mod",
        "go",
        "air",
    ),
    "cargo": _cache(
        rf"/usr/local/cargo/(?:registry|git)/|{_HOME}/\.cargo/(?:registry|git)/",
        "RUN --mount=type=cache,target=/usr/local/cargo/registry",
        "cargo",
    ),
    "composer": _cache(
        rf"{_HOME}/\.composer/cache/|{_HOME}/\.cache/composer/|/tmp/cache/(?:files|repo|vcs)/",
        "composer install --no-cache, or RUN --mount=type=cache,target=/root/.composer/cache",
    ),
    "gem": _cache(
        r"/usr/local/bundle/(?:ruby/[^/]+/)?cache/|/usr/(?:local/)?lib/ruby/gems/[^/]+/cache/"
        rf"|/var/lib/gems/[^/]+/cache/|{_HOME}/\.bundle/cache/|{_HOME}/\.(?:local/share/)?gem/(?:ruby/[^/]+/)?cache/"
        r"|(?:/[^/]+)+/vendor/bundle/ruby/[^/]+/cache/",
        "end the RUN with: && rm -rf /usr/local/bundle/cache ~/.bundle/cache",
    ),
    "maven": _cache(
        rf"{_HOME}/\.m2/repository/", "RUN --mount=type=cache,target=/root/.m2", "mvn", "mvnw", "mvnd", "quarkus"
    ),
    "gradle": _cache(
        rf"{_HOME}/\.gradle/(?:caches|daemon)/|/home/gradle/\.gradle/(?:caches|daemon)/",
        "RUN --mount=type=cache,target=/root/.gradle",
        "gradle",
        "gradlew",
    ),
    "nuget": _cache(
        rf"{_HOME}/\.nuget/packages/|{_HOME}/\.local/share/NuGet/(?:http-cache|v3-cache)/",
        "RUN --mount=type=cache,target=/root/.nuget/packages, and dotnet publish in a build stage",
        "dotnet",
    ),
}
"""The caches by package manager. Their files can be downloaded again."""

_ANY_CACHE = re.compile("|".join(cache.places.pattern for cache in _CACHES.values()))
"""All places in one pattern, so that each file is matched once. Most files are in no cache."""

_SPARSE_LOG = re.compile(r"/var/log/(?:lastlog|faillog|tallylog)")


def package_cache(context: TipContext) -> Iterator[FoundTip]:
    """``package-cache``: files that a package manager can download again, by manager and layer; exact.

    Skips files with a hard link outside the cache (uv, pnpm and conda install so): their bytes stay in the image.
    """
    started = {posixpath.basename(word) for word in context.command_words}
    candidates = context.own_in(_ANY_CACHE.match)
    for tool, cache in _CACHES.items():
        if started & cache.programs or any(map(cache.places.match, context.command_words)):
            continue
        cached = (file for file in candidates if all(map(cache.places.match, file.paths)))
        for layer, files in by_layer(cached):
            where = common_folder([file.path for file in files])
            yield FoundTip(
                tip=Tip(
                    code="package-cache",
                    saved_bytes=total_bytes(files),
                    basis=Basis.COMPUTED,
                    line=context.layer(layer).line,
                    explanation=(
                        f"the cache of {tool}: {counted(len(files), 'file')} below {where}. Fix: {cache.remedy}."
                    ),
                ),
                files=tuple(files),
            )


def sparse_logs(context: TipContext) -> Iterator[FoundTip]:
    """``sparse-logs``: a user with a large UID makes these files long, and layers store the zeros."""
    logs = context.own_in("/var/log/".__eq__)
    for layer, files in by_layer(file for file in logs if _SPARSE_LOG.fullmatch(file.path)):
        names = " and ".join(file.path for file in files)
        yield FoundTip(
            tip=Tip(
                code="sparse-logs",
                saved_bytes=total_bytes(files),
                basis=Basis.COMPUTED,
                line=context.layer(layer).line,
                explanation=(
                    f"{names}: stores zeros for each UID below the largest. Create the user with useradd --no-log-init."
                ),
            ),
            files=tuple(files),
        )
