"""Manifests and lock files that are read line by line: Go, Ruby, yarn, pnpm, conda, ``setup.cfg``, ``setup.py``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.domain.declarations.model import MAX_TEXT_CHARACTERS, Declaration, LineNumbers, Reader
from weighbridge.domain.declarations.requirements import requirement
from weighbridge.domain.packages.model import Ecosystem

_GO_REQUIRE = re.compile(
    r"^(?:require[ \t]+|[ \t]+)([\w.~-]+\.[\w.~-]+(?:/[\w.~!-]+){0,20})[ \t]+(v[\w.+-]{1,100})[ \t]*(//[^\n]{0,200})?$",
    re.MULTILINE,
)
_GO_REPLACE = re.compile(
    r"^(?:replace[ \t]+|[ \t]+)([\w.~-]+(?:/[\w.~!-]+){0,20})(?:[ \t]+v[\w.+-]{1,100})?[ \t]+=>[ \t]+([^\n]{1,300})$",
    re.MULTILINE,
)
_GO_RELEASE = re.compile(r"^(?:go|toolchain)[ \t]+(?:go)?(\d[\w.]{0,20})", re.MULTILINE)
_GO_BLOCK = re.compile(r"^(\w+)[ \t]*\(|^\)", re.MULTILINE)
_GEM = re.compile(r"""^[ \t]*gem[ \t(]+["']([\w.-]{1,120})["']([^\n]{0,300})""", re.MULTILINE)
_GEM_LOCKED = re.compile(r"^ {4}([\w.-]{1,120}) \(([^)\n]{1,80})\)", re.MULTILINE)
_YARN_LOCKED = re.compile(
    r'^"?((?:@[^/"\n]{1,100}/)?[^@"\n\s#]{1,200})@[^\n]{0,2000}:\r?\n {2}version:? "?([^"\n]{1,100})"?', re.MULTILINE
)
_PNPM_LOCKED = re.compile(
    r"^ {2}'?/?((?:@[^/'\n]{1,100}/)?[^@/'\n\s]{1,200})[@/](\d[^:'(\n_]{0,100})[^\n]{0,500}:", re.MULTILINE
)
_TOP_KEY = re.compile(r"([\w-]{1,100}):")
_CATALOG_ENTRY = re.compile(
    r"""[ \t]+["']?((?:@[^/"'\s:]{1,100}/)?[^@/"'\s:#]{1,200})["']?:[ \t]+["']?([^"'\s#][^"'\n#]{0,100})"""
)
_CONDA_ENTRY = re.compile(r"^([ \t]*)-[ \t]*[\"']?([^\n#\"']{1,300})", re.MULTILINE)
_CONDA_NAME = re.compile(r"(?:[\w.-]+::)?([a-zA-Z0-9_][\w.-]{0,100})")
_INSTALL_REQUIRES = re.compile(r"""\binstall_requires["']?\s{0,20}[=:]\s{0,20}\[""")
_QUOTED_OR_END = re.compile(r"""["']([^"'\n]{1,200})["']|\]""")


def read_go_mod(path: str, text: str) -> Iterator[Declaration]:
    """``require`` and ``replace`` lines; an indirect one only pins. The Go release counts for the standard library."""
    lines = LineNumbers(text)
    release = _GO_RELEASE.search(text)
    if release is not None:
        yield Declaration(
            ecosystem=Ecosystem.GO, name="stdlib", text=release[1], path=path, line=lines.at(release.start())
        )
    blocks = [(match.start(), match[1] or "") for match in _GO_BLOCK.finditer(text)]
    index, block = 0, ""
    for match in _GO_REQUIRE.finditer(text):
        while index < len(blocks) and blocks[index][0] < match.start():
            block, index = blocks[index][1], index + 1
        if block in {"require", ""} or match[0].startswith("require"):
            yield Declaration(
                ecosystem=Ecosystem.GO,
                name=match[1],
                text=match[2],
                path=path,
                line=lines.at(match.start(1)),
                is_pinned_only="indirect" in (match[3] or ""),
            )

    for match in _GO_REPLACE.finditer(text):
        yield Declaration(
            ecosystem=Ecosystem.GO,
            name=match[1],
            text=f"replaced by {match[2].strip()}"[:MAX_TEXT_CHARACTERS],
            path=path,
            line=lines.at(match.start(1)),
        )


def read_gemfile(path: str, text: str) -> Iterator[Declaration]:
    """``gem "NAME"`` lines."""
    yield from _matched(path, text, _GEM, Ecosystem.GEM)


def _matched(path: str, text: str, pattern: re.Pattern[str], ecosystem: Ecosystem) -> Iterator[Declaration]:
    lines = LineNumbers(text)
    for match in pattern.finditer(text):
        yield Declaration(
            ecosystem=ecosystem,
            name=match[1],
            text=" ".join(match[0].split())[:MAX_TEXT_CHARACTERS],
            path=path,
            line=lines.at(match.start(1)),
        )


def _locked(pattern: re.Pattern[str], ecosystem: Ecosystem) -> Reader:
    def read(path: str, text: str) -> Iterator[Declaration]:
        lines = LineNumbers(text)
        for match in pattern.finditer(text):
            yield Declaration(
                ecosystem=ecosystem,
                name=match[1],
                text=match[2].strip(),
                path=path,
                line=lines.at(match.start(1)),
                is_pinned_only=True,
            )

    return read


read_gem_lock = _locked(_GEM_LOCKED, Ecosystem.GEM)
read_yarn_lock = _locked(_YARN_LOCKED, Ecosystem.NPM)
read_pnpm_lock = _locked(_PNPM_LOCKED, Ecosystem.NPM)


def read_catalogs(path: str, text: str) -> Iterator[Declaration]:
    """The versions below ``catalog:`` and ``catalogs:``, which ``package.json`` refers to as ``catalog:``."""
    wanted = False
    for number, line in enumerate(text.split("\n"), 1):
        if key := _TOP_KEY.match(line):
            wanted = key[1] in {"catalog", "catalogs"}
        elif wanted and (entry := _CATALOG_ENTRY.match(line)):
            yield Declaration(
                ecosystem=Ecosystem.NPM,
                name=entry[1],
                text=f"catalog {entry[1]} {entry[2].strip()}",
                path=path,
                line=number,
            )


def read_conda_environment(path: str, text: str) -> Iterator[Declaration]:
    """The list under ``dependencies:``; deeper entries, under ``pip:``, are requirements of pip."""
    start = text.find("dependencies:")
    if start < 0:
        return
    lines = LineNumbers(text)
    indent: int | None = None
    for match in _CONDA_ENTRY.finditer(text, start):
        depth = len(match[1])
        indent = depth if indent is None else indent
        written = match[2].strip()
        line = lines.at(match.start(2))
        if depth > indent:
            declaration = requirement(written, path, line)
            if declaration is not None:
                yield declaration
            continue
        name = _CONDA_NAME.match(written)
        if depth == indent and name is not None and not written.endswith(":"):
            yield Declaration(
                ecosystem=Ecosystem.CONDA,
                name=name[1].lower(),
                text=written[:MAX_TEXT_CHARACTERS],
                path=path,
                line=line,
            )


def read_setup_cfg(path: str, text: str) -> Iterator[Declaration]:
    """``install_requires`` and the lists of extras: indented lines below a key."""
    wanted = in_extras = False
    for number, line in enumerate(text.split("\n"), 1):
        if line[:1] in {" ", "\t"}:
            declaration = requirement(line.partition("#")[0], path, number) if wanted else None
            if declaration is not None:
                yield declaration
        elif line.startswith("["):
            wanted = in_extras = line.startswith("[options.extras_require")
        elif line.strip():
            wanted = line.startswith("install_requires") or in_extras


def read_setup_py(path: str, text: str) -> Iterator[Declaration]:
    """The strings of ``install_requires=[…]``; the program is not run, so computed values are not found."""
    start = _INSTALL_REQUIRES.search(text)
    if start is None:
        return
    lines = LineNumbers(text)
    for match in _QUOTED_OR_END.finditer(text, start.end()):
        if match[1] is None:
            return
        declaration = requirement(match[1], path, lines.at(match.start()))
        if declaration is not None:
            yield declaration
