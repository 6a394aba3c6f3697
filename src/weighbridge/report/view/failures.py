"""Failures to weigh an image; one failure if both sides failed alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from weighbridge.report.model import ImageReport
from weighbridge.report.view.words import enumerate_words

_FAILED = {
    "build": "did not build",
    "unreadable": "could not be read",
    "unavailable": "could not be had",
    "dockerfile": "has a Dockerfile that does not parse",
    "context": "has no usable build context",
    "defect": "met a defect in Weighbridge",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """One failure of one or both sides. `message` omits the image's name, which is shown next to it.

    `log_tail` is the end of the output of the last of the `sides`: hostile text.
    """

    sides: tuple[Literal["base", "head"], ...]
    what: str
    message: str
    log_tail: tuple[str, ...]

    @property
    def sides_text(self) -> str:
        """``base and head``."""
        return enumerate_words(self.sides)


def failed_sides(image: ImageReport) -> list[Failed]:
    """The failures of an image in the order of its sides; merges two equal ones."""
    found: list[Failed] = []
    for failure in image.failures:
        message = failure.message.removeprefix(f"{image.name} {failure.side}: ")
        what = _FAILED[failure.kind]
        sides: tuple[Literal["base", "head"], ...] = (failure.side,)
        if found and (found[-1].what, found[-1].message) == (what, message):
            sides = (*found.pop().sides, failure.side)
        found.append(Failed(sides=sides, what=what, message=message, log_tail=failure.log_tail))
    return found


_PLACE = re.compile(r"(?P<place>[^\s:`]{1,300}:[1-9][0-9]{0,6}): (?P<rest>.+)", re.DOTALL)


def split_place(message: str) -> tuple[str | None, str]:
    """The ``path:line`` at the beginning of a message, and the rest; None without one."""
    found = _PLACE.match(message)
    return (None, message) if found is None else (found["place"], found["rest"])


def failed_in_words(image: ImageReport) -> str:
    """``head did not build``: the failed sides, and how the first of them failed."""
    if not image.failures:
        return "not known"
    sides = enumerate_words(dict.fromkeys(failure.side for failure in image.failures))
    return f"{sides} {_FAILED[image.failures[0].kind]}"


def additional_reason(image: ImageReport) -> str | None:
    """Why the image was selected, unless its failures already say so."""
    messages = {failure.message for failure in image.failures}
    return None if image.reason in messages else image.reason
