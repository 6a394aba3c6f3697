"""Tips on build tools: compilers, headers, static libraries and sources in the final image."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from weighbridge.domain.packages.model import DISTRIBUTIONS, Package
from weighbridge.domain.tips.context import (
    FinalFile,
    FoundTip,
    TipContext,
    counted,
    shown,
    total_bytes,
)
from weighbridge.domain.tips.tip import Basis, Tip
from weighbridge.domain.units import format_bytes

_PACKAGE = re.compile(
    r"(?:gcc|g\+\+|gcc-c\+\+|cpp|gfortran|clang|lld|llvm|rustc|cargo|golang|go|ghc|nasm|yasm|valac|mono-mcs)"
    r"(?:-[0-9][\w.]*)?(?:-(?!base$)[a-z][\w.+-]*)?"
    r"|(?:lib)?(?:binutils|gcc|stdc\+\+|clang|llvm)[\w.+-]*-(?:dev|devel)|binutils(?:-.*)?"
    r"|make|cmake(?:-data)?|ninja-build|ninja|meson|autoconf|automake|libtool|pkg-config|pkgconf|bison|flex|m4|patch"
    r"|build-essential|build-base|dpkg-dev|fortify-headers|(?:glibc|kernel|linux)-headers|linux-libc-dev|libc-dev-bin"
    r"|openjdk-?[0-9]+(?:-jdk(?:-headless)?)?|java-[0-9]+-openjdk-devel|maven|gradle|ant|libstd-rust-[\w.-]+"
    r"|[a-z0-9][a-z0-9.+-]*-(?:dev|devel)"
)
"""Packages that build programs, without runtime libraries (``libgcc-s1``, ``gcc-12-base``)."""
_HELPERS = re.compile(r"make|m4|patch|pkg-config|pkgconf|flex|bison|libtool|autoconf|automake|cmake-data|ant")
"""Packages that other programs need too (git recommends ``patch``). They count only with a compiler."""
_NOT_FOR_BUILDING = re.compile(r"gcc-[0-9.]+-base|.*-jre(?:-headless)?|openjdk-?[0-9]+-jre.*")
_TOOLCHAIN = re.compile(
    r"/usr/local/(?:go|rustup|cargo/bin)/|/(?:root|home/[^/]+)/\.(?:rustup|cargo/bin)/|/usr/(?:local/)?include/"
)
_MANAGED = re.compile(r"/var/(?:lib|cache|log)/|/etc/|/usr/share/|/(?:usr/)?lib/(?:apk|sysimage)/")
"""Folders where package managers and their scripts write outside of packages."""
_OBJECT_ENDINGS = (".a", ".o", ".lo", ".la", ".rlib", ".rmeta", ".gch", ".pch")
_SOURCE = re.compile(r".*\.(?:c|cc|cpp|cxx|h|hh|hpp|hxx|go|rs|zig|d|f90|java|kt|kts|scala|swift|hs|ml|nim|cs|fs)")
_PROGRAMS = frozenset(
    {"gcc", "g++", "cc", "c++", "clang", "cargo", "rustc", "go", "make", "cmake", "ninja", "mvn", "mvnw"}
    | {"gradle", "gradlew", "javac", "air"}
)
_SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh"})
_LEAST_TOOLCHAIN_BYTES = 100_000


def use_multi_stage(context: TipContext) -> Iterator[FoundTip]:
    """``use-multi-stage``: compilers, headers, static libraries and sources in the Dockerfile's own layers.

    An upper bound: if a compiler is most of a layer's installed packages, the other packages count too, because they
    are probably its dependencies. Skips images whose command is a shell or a build tool.
    """
    words = [posixpath.basename(word) for word in context.command_words]
    if _PROGRAMS.intersection(words) or (len(words) == 1 and words[0] in _SHELLS):
        return
    tools = _tools(context)
    if total_bytes([file for file in tools if not _helps(file)]) < _LEAST_TOOLCHAIN_BYTES:
        return
    own = list(context.own)
    installed = _layers_for_building(own, tools)
    others = [
        file for file in own if not _builds(file) and (_is_source(file) or _installed_with_compiler(file, installed))
    ]
    sources = [file for file in others if _is_source(file)]
    parts = [f"{shown(_named(tools), 5)}: {format_bytes(total_bytes(tools))} in {counted(len(tools), 'file')}"]
    if sources:
        parts.append(f"{counted(len(sources), 'source file')} ({format_bytes(total_bytes(sources))})")
    if len(others) > len(sources):
        rest_bytes = total_bytes(others) - total_bytes(sources)
        parts.append(f"{format_bytes(rest_bytes)} of packages installed together with them")
    yield FoundTip(
        tip=Tip(
            code="use-multi-stage",
            saved_bytes=total_bytes(tools) + total_bytes(others),
            basis=Basis.UPPER_BOUND,
            line=context.layer(min(file.layer for file in tools)).line,
            explanation=(
                f"Build tools in the final image: {'; '.join(parts)}."
                " Build in a separate stage, and COPY --from=… the result into a small final stage."
            ),
        ),
        files=(*tools, *others),
    )


def _tools(context: TipContext) -> list[FinalFile]:
    """The own files of build tools. Looks at folders, names and packages, because most files are none."""
    files, packages = context.files, context.image.packages.packages
    building = {number for number, one in enumerate(packages) if _is_for_building(one)}
    objects = files.named(lambda name: name.endswith(_OBJECT_ENDINGS), *(f"{one}/" for one in _OBJECT_ENDINGS))
    tools = []
    for folder, numbers in context.own_by_folder:
        is_toolchain = _TOOLCHAIN.match(f"{folder}/") is not None
        if not (is_toolchain or building) and objects.isdisjoint(numbers):
            continue
        for number in numbers:
            owner = files.owners[number]
            if owner in building or (owner < 0 and (is_toolchain or number in objects)):
                tools.append(files.file(number))
    return tools


def _is_for_building(package: Package) -> bool:
    return (
        package.ecosystem in DISTRIBUTIONS
        and _PACKAGE.fullmatch(package.name) is not None
        and _NOT_FOR_BUILDING.fullmatch(package.name) is None
    )


def _layers_for_building(own: Sequence[FinalFile], tools: Sequence[FinalFile]) -> set[int]:
    """The layers whose distribution packages are build tools for at least half of their bytes."""
    installed, building = _installed_bytes(own), _installed_bytes(tools)
    return {layer for layer, size_bytes in building.items() if 2 * size_bytes >= installed[layer]}


def _installed_bytes(files: Sequence[FinalFile]) -> Counter[int]:
    """The bytes of distribution packages by layer."""
    sizes: Counter[int] = Counter()
    for file in files:
        if file.is_from_distribution:
            sizes[file.layer] += file.size_bytes
    return sizes


def _helps(file: FinalFile) -> bool:
    return file.is_from_distribution and file.package is not None and _HELPERS.fullmatch(file.package.name) is not None


def _is_source(file: FinalFile) -> bool:
    return file.package is None and _SOURCE.fullmatch(file.path) is not None and "/node_modules/" not in file.path


def _installed_with_compiler(file: FinalFile, layers: Collection[int]) -> bool:
    """True for files that a package manager put into a layer with a compiler."""
    return file.layer in layers and (file.is_from_distribution or _MANAGED.match(file.path) is not None)


def _builds(file: FinalFile) -> bool:
    """True for files of compilers and ``-dev`` packages, headers and static libraries."""
    if file.package is not None:
        return _is_for_building(file.package)
    return _TOOLCHAIN.match(file.path) is not None or file.path.endswith(_OBJECT_ENDINGS)


def _named(files: Sequence[FinalFile]) -> list[str]:
    """The packages and folders of the files, largest first."""
    sizes: dict[str, int] = {}
    for file in files:
        if file.package is not None:
            name = file.package.name
        else:
            match = _TOOLCHAIN.match(file.path)
            name = match.group().rstrip("/") if match else "static libraries and object files"
        sizes[name] = sizes.get(name, 0) + file.size_bytes
    return sorted(sizes, key=lambda name: (-sizes[name], name))
