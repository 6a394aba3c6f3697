"""The table of images: size, change and status, one row each; images that need attention come first."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.report.escape import Markdown, figure, join_markdown, text
from weighbridge.report.fit import Piece, TextSection
from weighbridge.report.markdown.elements import NONE, image_name_in_table, section, table_row
from weighbridge.report.markdown.ranks import RANK_CHANGED_ROW, RANK_UNCHANGED_ROW
from weighbridge.report.model import ImageReport, Report, Status
from weighbridge.report.units import format_bytes, format_delta
from weighbridge.report.view.failures import failed_in_words
from weighbridge.report.view.findings import StartSummary, image_starts, new_findings
from weighbridge.report.view.sizes import image_delta, percent_text, sizes_text
from weighbridge.report.view.verdict import broken_limits, soft_limits
from weighbridge.report.view.words import enumerate_words, plural

_OPEN_ROWS = 8
_SINGLE_PLAIN_ROWS = 2
_NAMED_PLAIN = 3
_NAMED_PLAIN_CHARACTERS = 40
"""Longer names of unchanged images would make the first column wide, and break the figures of all rows."""
_HEADER = "| image | size | change | status |\n|:--|--:|--:|:--|\n"


def images_tables(report: Report, images: Sequence[ImageReport]) -> list[TextSection]:
    """The table of the first images, and the folded table of the others."""
    plain = [image for image in images if is_plain(image)]
    together = plain if len(plain) > _SINGLE_PLAIN_ROWS else []
    listed = [image for image in images if not (together and is_plain(image))]
    limits = broken_limits(report) | _unchecked_limits(report)
    soft = soft_limits(report)
    rows = [
        Piece(
            text=_row(image, limits, soft, allowed=report.verdict.passed),
            rank=RANK_UNCHANGED_ROW if is_plain(image) else RANK_CHANGED_ROW,
            kind="image",
        )
        for image in listed
    ]
    quiet = [Piece(text=row, rank=RANK_UNCHANGED_ROW, kind="row of images") for row in _plain_rows(together)]
    if not rows and not quiet:
        return [section(), section()]
    more = rows[_OPEN_ROWS:]
    folded = TextSection(
        opening=f"<details><summary>{len(more)} more {plural(len(more), 'image')}</summary>\n\n{_HEADER}",
        pieces=tuple(more),
        closing="\n</details>\n\n",
    )
    return [TextSection(opening=_HEADER, pieces=(*rows[:_OPEN_ROWS], *quiet), closing="\n"), folded]


def _unchecked_limits(report: Report) -> dict[str, str]:
    """The limits that fail the job because they could not be checked, by image name."""
    failed = {reason.image for reason in report.verdict.reasons if reason.rule == "not-checked"}
    return {image.name: image.limit for image in report.images if image.name in failed and image.limit}


def is_plain(image: ImageReport) -> bool:
    """True for an image whose row is complete: nothing changed and nothing is new."""
    return image.status in {Status.UNCHANGED, Status.SKIPPED} and not (image.failures or new_findings(image))


def _row(image: ImageReport, limits: dict[str, str], soft: dict[str, str], *, allowed: bool) -> str:
    icon, word = _status(image, limits, soft, allowed=allowed)
    name = image_name_in_table(image.name)
    name = name if is_plain(image) else Markdown(f"**{name}**")
    # The icon also precedes the name: on a phone, the last column may be off screen.
    named = Markdown(f"{icon} {name}") if icon else name
    return table_row((named, _sizes(image), _change(image), word))


def _plain_rows(images: Sequence[ImageReport]) -> list[str]:
    rows = []
    for status, word in ((Status.UNCHANGED, "unchanged"), (Status.SKIPPED, "skipped")):
        alike = [image for image in images if image.status is status]
        if not alike:
            continue
        names = [image_name_in_table(image.name) for image in _named_in_row(alike)]
        more = len(alike) - len(names)
        said = join_markdown(names, ", ") + f" and {more} more" if more else enumerate_words(names)
        rows.append(table_row((Markdown(said), NONE, NONE, Markdown(word))))
    return rows


def _named_in_row(images: Sequence[ImageReport]) -> list[ImageReport]:
    """The images that a row of several names: the first ones, as long as their names are short together."""
    named: list[ImageReport] = []
    for image in images[:_NAMED_PLAIN]:
        if named and sum(len(one.name) for one in [*named, image]) > _NAMED_PLAIN_CHARACTERS:
            break
        named.append(image)
    return named


def _sizes(image: ImageReport) -> Markdown:
    base, head = image.base, image.head
    if base is not None and head is not None:
        if base.unpacked_bytes == head.unpacked_bytes:
            return figure(format_bytes(head.unpacked_bytes))
        return figure(sizes_text(base.unpacked_bytes, head.unpacked_bytes))
    side = head or base
    return NONE if side is None else figure(format_bytes(side.unpacked_bytes))


def _change(image: ImageReport) -> Markdown:
    delta = image_delta(image)
    if image.status in {Status.UNCHANGED, Status.SKIPPED, Status.FAILED}:
        return NONE
    if delta is None:
        return Markdown("not known")
    percent = percent_text(image)
    # Growth and shrinkage differ in shape and colour. On a phone, the mark may stand on a line of its own.
    mark = "🔺 " if delta > 0 else "🟢 " if delta < 0 else ""
    return Markdown(f"{mark}{figure(format_delta(delta))}{f' ({figure(percent)})' if percent and delta else ''}")


def _status(image: ImageReport, limits: dict[str, str], soft: dict[str, str], *, allowed: bool) -> tuple[str, Markdown]:
    """The icon of an image and its meaning: its problem, otherwise its change."""
    bad = "⚠️" if allowed else "❌"
    starts = image_starts(image)
    if image.status is Status.FAILED:
        return bad, text(failed_in_words(image))
    wrong = []
    if starts is StartSummary.NO_NEW:
        wrong.append(Markdown("will not start"))
    if image.name in limits:
        unknown = " not checked" if image.growth_unknown_because else ""
        wrong.append(Markdown(f"{'' if unknown else 'over '}{figure(limits[image.name])}{unknown}"))
    if wrong:
        return bad, join_markdown(wrong, ", ")
    if starts is StartSummary.NO_AS_BEFORE:
        return "⚠️", Markdown("will not start, as before")
    if image.name in soft:
        return "⚠️", Markdown(f"over {figure(soft[image.name])} (soft limit)")
    if image.growth_unknown_because and image.limit:
        return "⚠️", Markdown(f"{figure(image.limit)} not checked")
    if new := new_findings(image):
        return "⚠️", text(f"new: {new[0].code}" if len(new) == 1 else f"{len(new)} new findings")
    words = {Status.ADDED: "new", Status.REMOVED: "removed", Status.SKIPPED: "skipped", Status.UNCHANGED: "unchanged"}
    said = [words[image.status]] if image.status in words else []
    if starts is StartSummary.YES and image.status is not Status.UNCHANGED:
        said.append("starts")
    if starts is StartSummary.NOT_CHECKED:
        said.append("start not checked")
    good = image.status in {Status.CHANGED, Status.ADDED} and starts is not StartSummary.NOT_CHECKED
    return "✅" if good else "", Markdown(", ".join(said) or "passed")
