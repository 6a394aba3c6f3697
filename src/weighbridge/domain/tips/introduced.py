"""Computes the bytes that a change adds and a tip saves, from the tips of head and base."""

from __future__ import annotations

from collections.abc import Mapping

from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.tips.find import find_tips

LEAST_INTRODUCED_BYTES = 10_000
"""Minimum additional saving of an introduced tip: two builds of one commit differ by less."""


def tip_growth(base: WeighedImage, head: WeighedImage) -> Mapping[str, int]:
    """The additional saving of each computed tip in head over base, in bytes by code. Negative: it saves less.

    A code that is missing has no computed saving on either side: only a build can measure it.
    """
    after = _savings(head)
    if not after:
        return {}
    before = _savings(base)
    return {code: after.get(code, 0) - before.get(code, 0) for code in after.keys() | before.keys()}


def _savings(image: WeighedImage) -> dict[str, int]:
    found: dict[str, int] = {}
    for tip in find_tips(image, minimum_saving_bytes=LEAST_INTRODUCED_BYTES):
        if tip.saved_bytes is not None:
            found[tip.code] = found.get(tip.code, 0) + tip.saved_bytes
    return found
