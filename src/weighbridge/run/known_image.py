"""Inspects an image with the cached report of an earlier run. Imports what weighs an image only without such a report.

Importing the checks and tips takes longer than everything else that an inspection of a known image does.
"""

from __future__ import annotations

from weighbridge.config import Config
from weighbridge.errors import WeighbridgeError
from weighbridge.report.model import Report
from weighbridge.run.base_image import base_layers
from weighbridge.run.clients import Tools
from weighbridge.run.inspected_images import CompleteReads, InspectedImages, report_key
from weighbridge.sources.reference import ImageReference


def inspect_known_image(
    reference: ImageReference, config: Config, tools: Tools, *, built_on: ImageReference | None = None
) -> Report:
    """The report of `inspect_image`. Images that were inspected before are not weighed again."""
    image = tools.reader.read([reference])[reference]
    if isinstance(image, WeighbridgeError):
        raise image
    base = base_layers(tools, image, built_on, is_in_engine=reference.is_in_engine)
    reports = InspectedImages(tools.cache_folder)
    key = report_key(reference, image, base, config)
    known = reports.find(key)
    if known is not None:
        return known
    from weighbridge.report.assemble import assemble  # noqa: PLC0415 - see the module docstring
    from weighbridge.run.existing import inspect_read_image  # noqa: PLC0415 - see the module docstring

    reads = CompleteReads()
    contents = reads.contents(tools.reader.contents(reference))
    report = assemble(inspect_read_image(reference, reads.image(image), base, contents, config))
    if reads.are_complete:
        reports.keep(key, report)
    return report
