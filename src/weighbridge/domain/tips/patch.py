"""Applies changes, and makes a unified diff for ``git apply``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from weighbridge.domain.dockerfile.edits import Edit, EditSet, apply_edits, diff_of_empty, unified_diff
from weighbridge.domain.lines import lines_of
from weighbridge.domain.tips.tip import Tip, TipChange

_ONE_FINAL_STAGE = frozenset({"smaller-base", "use-multi-stage"})
"""Tips that change the base of the final stage. They exclude each other."""
_MOST_WEIGHED_AGAINST_EACH_OTHER = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """The files that a change edits, with their paths from the repository's root.

    `ignore_file` is the ignore file in use, or a new one; for a new one `ignore_text` is ``None``.
    """

    dockerfile: str
    text: str
    ignore_file: str
    ignore_text: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Patched:
    """The files after a change. `ignore_text` is ``None`` if the ignore file does not change."""

    text: str
    ignore_text: str | None
    diff: str


def patched(sources: Sources, changes: Sequence[TipChange]) -> Patched | None:
    """`sources` after all `changes`; ``None`` if two changes overlap, or if nothing changes."""
    edits = EditSet()
    if not all(edits.add(change.edits) for change in changes):
        return None
    text = apply_edits(sources.text, edits.edits)
    diff = unified_diff(sources.dockerfile, sources.text, edits.edits)
    before = sources.ignore_text or ""
    added = [line for line in _ignore_lines(changes) if line not in lines_of(before)]
    ignore_text = None
    if added:
        newline = "" if not before or before.endswith("\n") else "\n"
        appended = newline + "".join(f"{line}\n" for line in added)
        ignore_text = before + appended
        if before:
            at_end = Edit(start=len(before), end=len(before), replacement=appended)
            diff += unified_diff(sources.ignore_file, before, [at_end])
        else:
            diff += diff_of_empty(sources.ignore_file, added, is_new=sources.ignore_text is None)
    return Patched(text=text, ignore_text=ignore_text, diff=diff) if diff else None


def best_together(tips: Sequence[Tip]) -> tuple[Tip, ...]:
    """The compatible subset of measured `tips` with the largest saving, best tip first."""
    best = sorted(tips, key=lambda tip: -(tip.saved_bytes or 0))[:_MOST_WEIGHED_AGAINST_EACH_OTHER]
    against = {
        frozenset({first, second})
        for first, second in combinations(range(len(best)), 2)
        if contradict(best[first], best[second])
    }
    chosen: tuple[int, ...] = ()
    promised = -1
    for subset in range(1, 2 ** len(best)):
        members = tuple(index for index in range(len(best)) if subset >> index & 1)
        if any(frozenset(pair) in against for pair in combinations(members, 2)):
            continue
        saved_bytes = sum(best[index].saved_bytes or 0 for index in members)
        if saved_bytes > promised:
            chosen, promised = members, saved_bytes
    return tuple(best[index] for index in chosen)


def contradict(one: Tip, other: Tip) -> bool:
    """True if the tips exclude each other: they edit the same place, or both change the base."""
    if one.code in _ONE_FINAL_STAGE and other.code in _ONE_FINAL_STAGE:
        return True
    edits = EditSet()
    return not all(edits.add(tip.change.edits if tip.change else ()) for tip in (one, other))


def _ignore_lines(changes: Sequence[TipChange]) -> list[str]:
    return list(dict.fromkeys(line for change in changes for line in change.ignore_lines))
