"""Versions and symbols, as the dynamic loader of glibc checks them once all libraries are mapped.

elf/dl-version.c, elf/dl-lookup.c. The messages are the loader's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity
from weighbridge.domain.start.elf import Elf
from weighbridge.domain.start.loader.objects import LoadedObject, LoadRequest, problem, variable_of

_MAX_EVIDENCE = 16


def version_findings(
    request: LoadRequest, objects: Sequence[LoadedObject], by_name: Mapping[str, LoadedObject]
) -> list[Finding]:
    """Versions that the objects need and their libraries lack: one error, and a warning for each unversioned library.

    `by_name` has the loaded object of each name.
    """
    argv0 = request.argv0
    lines: list[str] = []
    evidence: list[str] = []
    first: str | None = None
    unversioned: dict[str, Finding] = {}
    for loaded in objects:
        requirer = loaded.name or argv0
        for wanted in loaded.elf.needed_versions:
            provider = by_name.get(wanted.soname)
            if provider is None:
                continue
            if not provider.elf.has_version_definitions:
                warning = _without_versions(argv0, provider, requirer)
                unversioned.setdefault(warning.predicts or "", warning)
                continue
            if any(record.version == wanted.version for record in provider.elf.defined_versions) or wanted.weak:
                continue
            lines.append(
                f"{argv0}: {provider.name or argv0}: version `{wanted.version}' not found (required by {requirer})"
            )
            first = first or loaded.path
            evidence.append(
                f"{loaded.path}: needs {wanted.version} of {wanted.soname}; {provider.node.path} "
                f"{_highest(provider.elf, wanted.version)}"
            )
    if not lines:
        return [*unversioned.values()]
    error = problem(
        CheckCode.LIBC_VERSION_MISSING,
        path=first or request.program.path,
        predicts=lines[0],
        evidence=tuple(evidence[:_MAX_EVIDENCE]),
        fix="Build on the release of the final stage (or an older one), or use a final stage with the "
        "library of the build stage.",
    )
    return [error, *unversioned.values()]


def symbol_findings(request: LoadRequest, objects: Sequence[LoadedObject]) -> list[Finding]:
    """The first symbol that no object defines: an error if it is bound before ``main``, otherwise a warning."""
    tables = [loaded.elf.exports for loaded in objects]
    bind_now = bool(variable_of(request.process, "LD_BIND_NOW")) and not request.secure
    first_late: Finding | None = None
    # Relocation is in reverse order: the program last.
    for loaded in reversed(objects):
        dynamic = loaded.elf.dynamic
        now = bind_now or bool(dynamic and dynamic.bind_now)
        for symbol in loaded.elf.undefined:
            if symbol.weak or _resolves(symbol.name, symbol.version, tables, skip=0 if symbol.copied else None):
                continue
            shown = symbol.name.decode("utf-8", "replace")
            suffix = f", version {symbol.version}" if symbol.version else ""
            requirer = loaded.name or request.argv0
            text = f"{request.argv0}: symbol lookup error: {requirer}: undefined symbol: {shown}{suffix}"
            if now or symbol.immediate:
                return [_symbol_problem(loaded, text, shown, Severity.ERROR)]
            first_late = first_late or _symbol_problem(loaded, text, f"{shown}{suffix}", Severity.WARNING)
    return [first_late] if first_late else []


def _without_versions(argv0: str, provider: LoadedObject, requirer: str) -> Finding:
    return problem(
        CheckCode.LIBC_VERSION_MISSING,
        path=provider.path,
        predicts=f"{argv0}: {provider.name}: no version information available (required by {requirer})",
        evidence=(f"{provider.path} defines no versions, {requirer} was linked against one that does",),
        fix="Use the library that the program was linked against.",
        severity=Severity.WARNING,
    )


def _symbol_problem(loaded: LoadedObject, text: str, symbol: str, severity: Severity) -> Finding:
    when = "before main" if severity is Severity.ERROR else "only when it is called (lazy binding)"
    return problem(
        CheckCode.LIBC_SYMBOL_MISSING,
        path=loaded.path,
        predicts=text,
        evidence=(f"{loaded.path}: uses {symbol}", f"no library of the program defines it; it fails {when}"),
        fix="Use the library release that the program was linked against.",
        severity=severity,
    )


def _resolves(name: bytes, version: str | None, tables: list[dict[bytes, frozenset[str]]], *, skip: int | None) -> bool:
    """True if an object in scope has the symbol, in that version or without any version."""
    for position, table in enumerate(tables):
        if position == skip:
            continue
        versions = table.get(name)
        if versions is not None and (version is None or version in versions or "" in versions):
            return True
    return False


def _highest(elf: Elf, wanted: str) -> str:
    """The highest version that the library has of the family of `wanted`, in words."""
    family = wanted.rpartition("_")[0] + "_"
    names = [record.version for record in elf.defined_versions if record.version.startswith(family)]
    numbered = [name for name in names if _numbers(name, family)]
    if not numbered:
        return f"has no {family}* versions" if len(family) > 1 else "does not define it"
    return f"has up to {max(numbered, key=lambda name: _numbers(name, family))}"


def _numbers(name: str, family: str) -> tuple[int, ...]:
    parts = name.removeprefix(family).split(".")
    return tuple(int(part) for part in parts) if all(part.isascii() and part.isdigit() for part in parts) else ()
