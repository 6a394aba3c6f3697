"""Searches Maven's ``pom.xml``, MSBuild's projects and Gradle's build files for names of libraries.

Nothing is parsed as XML or executed: entities, includes and code of a pull request stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.domain.declarations.model import MAX_TEXT_CHARACTERS, Declaration, LineNumbers
from weighbridge.domain.packages.model import Ecosystem

_ARTIFACT = re.compile(r"<artifactId>\s*([\w.${}-]{1,200})\s*</artifactId>")
_VERSION = re.compile(r"<version>\s*([^<]{1,100}?)\s*</version>")
_PROPERTY = re.compile(r"<([\w.-]{1,100})>([^<\n]{1,200})</\1>")
_REFERENCE = re.compile(r"\$\{([\w.-]{1,100})\}")
_MSBUILD = re.compile(
    r"<(PackageReference|PackageVersion|GlobalPackageReference)\s[^>]{0,500}?(?:Include|Update)=\"([\w.-]{1,200})\"([^>]{0,500})>"
)
_MSBUILD_VERSION = re.compile(r"(?:Version|VersionOverride)=\"([^\"]{1,100})\"")
_GRADLE = re.compile(
    r"""^[ \t]*(?:implementation|api|compile|compileOnly|runtime|runtimeOnly|annotationProcessor|kapt|testImplementation
        |developmentOnly)[ \t(]+(?:platform\(|enforcedPlatform\()?["']
        ([\w.-]{1,150}):([\w.-]{1,150})(?::([^"'\n]{1,100}))?["']""",
    re.MULTILINE | re.VERBOSE,
)


def read_pom(path: str, text: str) -> Iterator[Declaration]:
    """The ``<dependency>`` elements, with properties of the same file resolved."""
    lines = LineNumbers(text)
    text = _without_comments(text)
    properties = dict(_PROPERTY.findall(text))
    for start, end in _between(text, "<dependency>", "</dependency>"):
        artifact = _ARTIFACT.search(text, start, end)
        if artifact is None:
            continue
        version = _VERSION.search(text, start, end)
        wanted = _REFERENCE.sub(lambda found: properties.get(found[1], found[0]), version[1]) if version else ""
        yield Declaration(
            ecosystem=Ecosystem.JAR,
            name=artifact[1],
            text=wanted[:MAX_TEXT_CHARACTERS],
            path=path,
            line=lines.at(artifact.start()),
        )


def _between(text: str, opening: str, closing: str) -> Iterator[tuple[int, int]]:
    """Start and end of each text between `opening` and `closing`; an unclosed one ends the search."""
    end = 0
    while (start := text.find(opening, end)) >= 0 and (end := text.find(closing, start)) >= 0:
        yield start + len(opening), end


def _without_comments(text: str) -> str:
    """`text` with its comments replaced by blanks, so that all positions stay the same."""
    parts, last = [], 0
    for start, end in _between(text, "<!--", "-->"):
        parts += [text[last:start], re.sub(r"[^\n]", " ", text[start:end])]
        last = end
    return "".join([*parts, text[last:]])


def read_msbuild(path: str, text: str) -> Iterator[Declaration]:
    """``PackageReference`` of projects; a central ``PackageVersion`` only pins."""
    lines = LineNumbers(text)
    for match in _MSBUILD.finditer(text):
        version = _MSBUILD_VERSION.search(match[3])
        yield Declaration(
            ecosystem=Ecosystem.NUGET,
            name=match[2].lower(),
            text=version[1] if version else "",
            path=path,
            line=lines.at(match.start(2)),
            is_pinned_only=match[1] == "PackageVersion",
        )


def read_gradle(path: str, text: str) -> Iterator[Declaration]:
    """Dependencies in the short form ``"group:name:version"``."""
    lines = LineNumbers(text)
    for match in _GRADLE.finditer(text):
        yield Declaration(
            ecosystem=Ecosystem.JAR,
            name=match[2],
            text=f"{match[1]}:{match[2]}:{match[3] or ''}",
            path=path,
            line=lines.at(match.start(1)),
        )
