"""Single images, for ``inspect``."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.report.escape import Markdown, figure, prose, text
from weighbridge.report.fit import TextSection
from weighbridge.report.markdown.contents import inspected_layers_table
from weighbridge.report.markdown.details import detail_pieces
from weighbridge.report.markdown.elements import image_name, section, template
from weighbridge.report.markdown.ending import footer, ignored_section, notes_section
from weighbridge.report.markdown.links import NO_LINKS
from weighbridge.report.markdown.problems import failure_logs, problems_sections
from weighbridge.report.markdown.tips import tips_section
from weighbridge.report.model import ImageReport, ImageSide, Report
from weighbridge.report.units import format_bytes
from weighbridge.report.view.findings import StartSummary, image_starts, start_in_words
from weighbridge.report.view.sizes import download_text, waste_text
from weighbridge.report.view.verdict import sorted_images


def inspection_sections(report: Report, marker: str) -> list[TextSection]:
    """The whole comment on images without a comparison."""
    images = sorted_images(report)
    return [
        section(marker),
        *(part for image in images for part in _inspected(image)),
        tips_section(report, NO_LINKS),
        ignored_section(images),
        notes_section(report),
        section(footer(report, NO_LINKS) + "\n"),
    ]


def _inspected(image: ImageReport) -> list[TextSection]:
    side = image.head
    size = figure(format_bytes(None if side is None else side.unpacked_bytes))
    runs = {StartSummary.YES: "✅ starts", StartSummary.NOT_CHECKED: "start not checked"}
    starts = image_starts(image)
    verdict = "❌ will not start" if starts in {StartSummary.NO_NEW, StartSummary.NO_AS_BEFORE} else runs.get(starts)
    heading = f"### ⚖️ Weighbridge: {image_name(image.name)} · **{size}**{f' · {verdict}' if verdict else ''}\n\n"
    summary, layers = _inspected_sizes(side, image.remarks), inspected_layers_table(side)
    pieces = detail_pieces(image, summary=summary, layers=layers)
    return [
        section(heading),
        *problems_sections([image], NO_LINKS, blamed={image.name}),
        *failure_logs([image]),
        TextSection(pieces=pieces),
    ]


def _inspected_sizes(side: ImageSide | None, remarks: Sequence[str]) -> Markdown:
    if side is None:
        return Markdown("")
    facts = [Markdown(f"Download, compressed: {figure(download_text(side))}.")]
    waste = waste_text(side)
    if waste:
        facts.append(text(f"It has {waste}."))
    facts += [prose(said) for said in (start_in_words(side), *remarks) if said]
    return template("facts", facts=facts)
