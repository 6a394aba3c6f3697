"""The table of images, a row each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from weighbridge.report.escape import Markdown, figure
from weighbridge.report.fit import Piece, Section
from weighbridge.report.markdown.elements import NONE, image_name, section, table_row
from weighbridge.report.markdown.ranks import RANK_CHANGED_ROW, RANK_UNCHANGED_ROW
from weighbridge.report.model import ImageReport, Report, Status
from weighbridge.report.units import format_bytes, format_delta, sparkline
from weighbridge.report.view.failures import failed_in_words
from weighbridge.report.view.findings import Starts, image_starts, new_findings
from weighbridge.report.view.memory import trend_sizes
from weighbridge.report.view.sizes import estimated_text, image_delta, percent_text, unpacked_text
from weighbridge.report.view.verdict import broken_limits
from weighbridge.report.view.words import plural

_FOLD_UNCHANGED_FROM = 6
_TREND_BLOCKS = 12


def images_table(report: Report, images: Sequence[ImageReport]) -> Section:
    """The table; many images that did not change are counted below it instead."""
    if not images:
        return section()
    quiet = [image for image in images if is_plain(image)]
    folded = quiet if len(quiet) >= _FOLD_UNCHANGED_FROM else []
    columns = _columns(report, images)
    shown = [image for image in images if not (folded and is_plain(image))]
    rows = [
        Piece(
            text=table_row(cell(image) for _, _, cell in columns),
            rank=RANK_UNCHANGED_ROW if is_plain(image) else RANK_CHANGED_ROW,
            kind="image",
        )
        for image in shown
    ]
    opening = (
        table_row(Markdown(title) for title, _, _ in columns) + "|" + "|".join(rule for _, rule, _ in columns) + "|\n"
    )
    after = f"\nUnchanged and not listed: {len(folded)} {plural(len(folded), 'image')}.\n\n" if folded else "\n"
    if not rows:
        return section(after.lstrip("\n"))
    return Section(opening=opening, pieces=tuple(rows), closing=after)


def _columns(report: Report, images: Sequence[ImageReport]) -> list[tuple[str, str, Callable[[ImageReport], Markdown]]]:
    limits = broken_limits(report)
    broken = "⚠️" if report.verdict.passed else "❌"
    not_checked = {reason.image for reason in report.verdict.reasons if reason.rule == "not-checked"}

    def limit(image: ImageReport) -> Markdown:
        if image.name in limits:
            return Markdown(f"{broken} {figure(limits[image.name])}")
        if image.growth_unknown_because and image.limit:
            icon = broken if image.name in not_checked else "⚠️"
            return Markdown(f"{icon} {figure(image.limit)} not checked")
        return Markdown(f"✅ {figure(image.limit)}") if image.limit and image.head else NONE

    columns: list[tuple[str, str, Callable[[ImageReport], Markdown]]] = [
        ("image", "---", _name_cell),
        ("base", "--:", lambda image: figure(unpacked_text(image.base))),
        ("head", "--:", lambda image: figure(unpacked_text(image.head))),
        ("change", "--:", _change),
    ]
    if any(image.delta.upgrade_bytes is not None for image in images):
        columns.append(("pull on upgrade", "--:", _upgrade))
    if any(image_starts(image) is not Starts.NOT_KNOWN for image in images):
        columns.append(("runs?", ":-:", _runs))
    if limits or any(image.limit for image in images):
        columns.append(("limit", ":-:", limit))
    if any(len(trend_sizes(image)) > 1 for image in images):
        columns.append(("trend", "---", _trend))
    return columns


def is_plain(image: ImageReport) -> bool:
    """True for an image of which its row says all: nothing changed and nothing is new."""
    return image.status in {Status.UNCHANGED, Status.SKIPPED} and not (image.failures or new_findings(image))


def _name_cell(image: ImageReport) -> Markdown:
    return image_name(image.name) if is_plain(image) else Markdown(f"**{image_name(image.name)}**")


def _change(image: ImageReport) -> Markdown:
    delta = image_delta(image)
    match image.status:
        case Status.UNCHANGED:
            return Markdown("– unchanged")
        case Status.SKIPPED:
            return Markdown("– skipped")
        case Status.FAILED:
            return Markdown(f"❌ {failed_in_words(image)}")
        case Status.ADDED:
            return Markdown(f"🆕 {figure(format_delta(delta))}")
        case Status.REMOVED:
            return Markdown(f"🗑️ {figure(format_delta(delta))}")
        case _ if delta is None:
            return Markdown("not known")
        case _:
            icon = "🔺 " if delta > 0 else "🔻 " if delta < 0 else ""
            return Markdown(f"{icon}{figure(format_delta(delta))}{_percent(image)}")


def _percent(image: ImageReport) -> str:
    value = percent_text(image)
    return f" ({figure(value)})" if value else ""


def _upgrade(image: ImageReport) -> Markdown:
    size = image.delta.upgrade_bytes
    if size is None or image.head is None or image.base is None:
        return NONE
    return figure(estimated_text(size, estimated=image.head.download_estimated))


def _runs(image: ImageReport) -> Markdown:
    if image.status is Status.REMOVED:
        return NONE
    return {
        Starts.YES: Markdown("✅"),
        Starts.NO_NEW: Markdown("❌ new"),
        Starts.NO_AS_BEFORE: Markdown("❌ as before"),
        Starts.NOT_CHECKED: Markdown("not checked"),
        Starts.NOT_KNOWN: NONE,
    }[image_starts(image)]


def _trend(image: ImageReport) -> Markdown:
    sizes = trend_sizes(image)
    return Markdown(sparkline(sizes[-_TREND_BLOCKS:])) if len(sizes) > 1 else NONE


def upgrade_sentence(images: Sequence[ImageReport]) -> str:
    """What the column of that name means, with the first figure in it as the example; empty without one."""
    known = [
        image
        for image in images
        if image.delta.upgrade_bytes is not None and image.base is not None and image.head is not None
    ]
    if not known:
        return ""
    first = known[0]
    estimated = " ≈ was computed here, with one compressor for both sides." if _estimated(known) else ""
    return (
        f"<sub>Pull on upgrade: a node that runs base of {image_name(first.name)} pulls"
        f" {figure(format_bytes(first.delta.upgrade_bytes))}, compressed, to run head.{estimated}</sub>\n\n"
    )


def _estimated(images: Iterable[ImageReport]) -> bool:
    return any(image.head is not None and image.head.download_estimated for image in images)
