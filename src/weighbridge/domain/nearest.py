"""The known word that a mistyped word stands for: one rule for all hints "did you mean"."""

from __future__ import annotations

from collections.abc import Iterable

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
