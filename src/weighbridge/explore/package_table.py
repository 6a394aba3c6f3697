"""The tab of packages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.domain.packages.model import NOT_IN_ANY_PACKAGE
from weighbridge.explore.subject import BrowsedImage
from weighbridge.explore.table import (
    CHANGE_COLUMN,
    SIZE_COLUMN,
    Column,
    FileSelection,
    ListTable,
    Order,
    Row,
    RowLinks,
    Tone,
)
from weighbridge.report.escape import visible_exactly
from weighbridge.report.units import format_bytes, format_delta


@dataclass(frozen=True, kw_only=True, slots=True)
class _PackageLine:
    """A package of head by its index, or a package that only base has. `before` is the version in base."""

    index: int | None
    ecosystem: str
    name: str
    version: str | None
    size_bytes: int | None
    before: str | None = None
    delta_bytes: int | None = 0
    mark: str = " "
    tone: Tone = Tone.PLAIN


def package_table(subject: BrowsedImage) -> ListTable:
    """The packages of head, largest first; for two images changed ones first, including removed ones."""
    lines = _package_lines(subject)

    def row(number: int) -> Row:
        line = lines[number]
        delta = (format_delta(line.delta_bytes) if line.delta_bytes else "",) if subject.is_comparison else ()
        version = visible_exactly(line.version or "", maximum=40)
        versions = f"{visible_exactly(line.before, maximum=40)} → {version}" if line.before else version
        size = "" if line.size_bytes is None else format_bytes(line.size_bytes)
        name = f"{line.mark} {visible_exactly(line.name)} {versions}".rstrip()
        return Row(cells=(size, *delta, line.ecosystem, name), tone=line.tone)

    def detail(number: int) -> Sequence[str]:
        line = lines[number]
        if line.index is None:
            return [visible_exactly(line.name), "only in the old image"]
        package = subject.head.packages.packages[line.index] if line.index >= 0 else None
        requires = ", ".join(package.links.requires) if package else ""
        found = [f"{visible_exactly(line.name)} {visible_exactly(line.version or '')}".rstrip()]
        if requires:
            found.append(f"needs {visible_exactly(requires, maximum=300)}")
        return [*found, "Enter lists its files."]

    def links(number: int) -> RowLinks:
        index = lines[number].index
        return RowLinks(files=None if index is None else FileSelection(package=index))

    return ListTable(
        noun="packages",
        columns=(
            SIZE_COLUMN,
            *((CHANGE_COLUMN,) if subject.is_comparison else ()),
            Column(title="Kind", width=8, is_optional=True),
            Column(title="  Package"),
        ),
        names=[f"{line.name} {line.ecosystem}" for line in lines],
        orders=[
            *([Order(name="change", key=lambda n: _by_change(lines[n]))] if subject.is_comparison else []),
            Order(name="size", key=lambda n: (-(lines[n].size_bytes or 0), lines[n].name)),
            Order(name="name", key=lambda n: lines[n].name),
        ],
        make_row=row,
        make_detail=detail,
        make_links=links,
        keys={line.index: number for number, line in enumerate(lines) if line.index is not None},
    )


def _package_lines(subject: BrowsedImage) -> list[_PackageLine]:
    packages = subject.head.packages
    differing = subject.comparison.packages if subject.is_comparison else ()
    changes = {(one.ecosystem.value, one.name, one.head_version): one for one in differing}
    lines: list[_PackageLine] = []
    for index, package in enumerate(packages.packages):
        change = changes.pop((package.ecosystem.value, package.name, package.version), None)
        delta = change.delta_bytes if change else 0
        is_new = change is not None and change.base_version is None and change.head_version is not None
        mark, tone = _package_mark(delta, is_changed=change is not None, is_new=is_new)
        lines.append(
            _PackageLine(
                index=index,
                ecosystem=package.ecosystem.value,
                name=package.name,
                version=package.version,
                size_bytes=package.size_bytes,
                before=change.base_version if change and change.base_version != package.version else None,
                delta_bytes=delta,
                mark=mark,
                tone=tone,
            )
        )
    lines += [
        _PackageLine(
            index=None,
            ecosystem=change.ecosystem.value,
            name=change.name,
            version=change.base_version,
            size_bytes=None,
            delta_bytes=change.delta_bytes,
            mark="−",
            tone=Tone.REMOVED,
        )
        for change in differing
        if change.base_version is not None and change.head_version is None
    ]
    rest = changes.get(("other", NOT_IN_ANY_PACKAGE, None))
    if packages.unowned_bytes:
        delta = rest.delta_bytes if rest else 0
        mark, tone = _package_mark(delta, is_changed=bool(rest), is_new=False)
        lines.append(
            _PackageLine(
                index=-1,
                ecosystem="other",
                name=f"({NOT_IN_ANY_PACKAGE})",
                version=None,
                size_bytes=packages.unowned_bytes,
                delta_bytes=delta,
                mark=mark,
                tone=tone,
            )
        )
    return lines


def _by_change(line: _PackageLine) -> tuple[bool, int, str]:
    return line.mark == " ", -abs(line.delta_bytes or 0), line.name


def _package_mark(delta: int | None, *, is_changed: bool, is_new: bool) -> tuple[str, Tone]:
    if not is_changed:
        return " ", Tone.PLAIN
    if is_new:
        return "+", Tone.ADDED
    if not delta:
        return "±", Tone.CHANGED
    return ("▲", Tone.GROWN) if delta > 0 else ("▼", Tone.SHRUNK)
