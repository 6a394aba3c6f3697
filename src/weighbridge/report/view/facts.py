"""Facts on a comparison besides its tables: a sentence for each."""

from __future__ import annotations

from weighbridge.report.model import ImageReport
from weighbridge.report.units import format_bytes, format_delta
from weighbridge.report.view.memory import memory_text, ratchet_text, trend_text
from weighbridge.report.view.sizes import download_text, waste_text

CAUSE_IN_WORDS = {
    "own-change": "a change of this repository",
    "base-image-moved": "the base image moved",
    "drift": "drift: the same instructions and context gave other content",
    "noise": "noise: two builds of one commit differ as much",
}


def image_facts(image: ImageReport) -> list[str]:
    """Facts on a comparison besides its tables, a sentence each; contains no text of the pull request."""
    said = [attribution_text(image)]
    if image.noise_bytes is not None:
        said.append(f"Noise: two builds of base differ by {format_bytes(image.noise_bytes)}.")
    if image.base is not None and image.head is not None:
        sides = f"{download_text(image.base)} → {download_text(image.head)}"
        said.append(f"Download, compressed: {sides} ({format_delta(image.delta.download_bytes)}).")
        if image.delta.upgrade_bytes is not None:
            said.append(f"A node that has base downloads {format_bytes(image.delta.upgrade_bytes)} for head.")
    waste = waste_text(image.head)
    if waste:
        said.append(f"Head has {waste}.")
    said += [memory_text(image.base), ratchet_text(image), trend_text(image)]
    return [sentence for sentence in said if sentence]


def attribution_text(image: ImageReport) -> str | None:
    """``Own instructions +39.8 MB, base image +1.4 MB. Cause: …``; None if the report does not have it."""
    found = image.attribution
    if found is None:
        return None
    said = f"Own instructions {format_delta(found.own_bytes)}, base image {format_delta(found.base_image_bytes)}."
    causes = [CAUSE_IN_WORDS[cause] for cause in (found.cause, *found.also) if cause is not None]
    return f"{said} Cause: {'; and also: '.join(causes)}." if causes else said
