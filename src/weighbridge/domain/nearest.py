"""How similar texts are: for all hints "did you mean", and for what a change renames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_MAXIMUM_CHARACTERS = 100
"""Only so much of a word is compared: the time of a comparison grows with the product of both lengths."""


def nearest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The most similar of the `known` words; ``None`` if none is similar. Case does not count.

    `likeness` is the least similarity, from 0 to 1 (`difflib.SequenceMatcher.ratio`).
    """
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    spelled: dict[str, str] = {}
    for one in sorted(known):
        spelled.setdefault(one.lower(), one)
    found = get_close_matches(word[:_MAXIMUM_CHARACTERS].lower(), list(spelled), n=1, cutoff=likeness)
    return spelled[found[0]] if found else None


def share_in_common(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """The share of parts that two texts have in common, from 0 to 1 (Dice's coefficient); each part with its number.

    It takes linear time. `difflib.SequenceMatcher` takes quadratic time, and hostile texts have many equal parts.
    """
    few, many = sorted((one, other), key=len)
    common = sum(min(number, many[part]) for part, number in few.items() if part in many)
    whole = sum(one.values()) + sum(other.values())
    return 2 * common / whole if whole else 1.0
