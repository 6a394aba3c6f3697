"""How far a start was followed, in the comment and on the page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weighbridge.report.html.image import image_details
from weighbridge.report.markdown.details import details_sections
from weighbridge.report.markdown.links import NO_LINKS
from weighbridge.report.model import StartReport
from weighbridge.report.view.findings import start_in_words

FOLLOWED = "followed /entrypoint.sh -> /usr/bin/gosu -> /app/server"


def started(samples, **start):
    image = samples.api()
    return replace(image, head=replace(image.head, start=StartReport(**start)))


def test_followed_programs_are_named_in_comment_and_page(samples):
    image = started(samples, outcome="yes", followed=FOLLOWED)
    text = "".join(piece.text for one in details_sections([image], NO_LINKS) for piece in one.pieces)
    assert f"Starts: yes (`{FOLLOWED}`)." in text
    assert image_details(0, image)["followed"] == FOLLOWED


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ({"outcome": "yes"}, ""),
        ({"outcome": "no"}, ""),
        ({"outcome": "yes", "followed": "up to a`b"}, "Starts: yes (`up to ab`)."),
        ({"outcome": "not checked", "not_checked": ("su decides",)}, "Start not checked: su decides"),
    ],
)
def test_start_without_details_prints_no_details(samples, start, said):
    assert start_in_words(started(samples, **start).head) == said
