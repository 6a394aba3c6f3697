"""The difference between two pushes of one pull request: fixed problems, new problems, and sizes."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.report.push_state import ImageState, PushState


@dataclass(frozen=True, kw_only=True, slots=True)
class SincePush:
    """`fixed` and `new` are pairs of an image and a problem; `sizes` the changed images with their bytes.

    The largest size change comes first.
    """

    fixed: tuple[tuple[str, str], ...]
    new: tuple[tuple[str, str], ...]
    sizes: tuple[tuple[str, int], ...]


def since_push(previous: PushState, current: PushState) -> SincePush:
    """The difference from `previous` to `current`. Images that a shortened state left out are not compared."""
    old, new = ({image.name: image for image in state.images} for state in (previous, current))
    names = [name for name in (*new, *(name for name in old if name not in new)) if _is_known(name, old, previous)]
    names = [name for name in names if _is_known(name, new, current)]
    sizes = [
        (name, (new[name].head_bytes or 0) - (old[name].head_bytes or 0))
        for name in names
        if name in old and name in new and None not in {old[name].head_bytes, new[name].head_bytes}
    ]
    changed = sorted((one for one in sizes if one[1]), key=lambda one: (-abs(one[1]), one[0]))
    return SincePush(fixed=_only_in_first(names, old, new), new=_only_in_first(names, new, old), sizes=tuple(changed))


def _is_known(name: str, images: dict[str, ImageState], state: PushState) -> bool:
    return name in images or state.is_complete


def _only_in_first(
    names: list[str], first: dict[str, ImageState], second: dict[str, ImageState]
) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, problem)
        for name in names
        if name in first
        for problem in first[name].problems
        if name not in second or problem not in second[name].problems
    )
