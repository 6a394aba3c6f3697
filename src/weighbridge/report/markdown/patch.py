"""The best patch that was built, as a diff block for copying."""

from __future__ import annotations

from weighbridge.domain.lines import lines_of
from weighbridge.report.escape import Markdown, code, fence, figure
from weighbridge.report.fit import TextSection
from weighbridge.report.markdown.elements import image_name, section
from weighbridge.report.markdown.ranks import RANK_PATCH
from weighbridge.report.model import Report
from weighbridge.report.units import format_bytes
from weighbridge.report.view.sizes import sizes_text
from weighbridge.report.view.tips import BuiltPatch, built_patches
from weighbridge.report.view.words import enumerate_words

_MAXIMUM_LINES = 40
_MAXIMUM_CHARACTERS = 8_000


def patch_section(report: Report) -> TextSection:
    """The built patch with the largest saving that is short enough to show here; empty without one."""
    for found in built_patches(report):
        lines = lines_of(found.patch)
        if len(lines) <= _MAXIMUM_LINES and len(found.patch) <= _MAXIMUM_CHARACTERS:
            shown = fence(tuple(lines), language="diff", maximum=_MAXIMUM_CHARACTERS)
            return section(f"{_title(found)}\n\n{shown}\n\n", rank=RANK_PATCH, kind="patch")
    return section()


def _title(found: BuiltPatch) -> Markdown:
    names = Markdown(enumerate_words(code(each, maximum=80) for each in found.codes[:4]))
    verb = "saves" if len(found.codes) == 1 else "together save"
    sizes = figure(sizes_text(found.before_bytes, found.after_bytes))
    saved = figure(format_bytes(found.saved_bytes))
    return Markdown(f"💡 **{image_name(found.image.name)}**: {names} {verb} {saved}, built and measured ({sizes}):")
