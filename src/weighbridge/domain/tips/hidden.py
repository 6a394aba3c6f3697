"""Tips on hidden copies: files that a later layer of the same Dockerfile rewrites, removes or touches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from weighbridge.domain.image.align import WeighedLayer
from weighbridge.domain.image.waste import HiddenCopy, Hiding, Waste
from weighbridge.domain.tips.tip import Basis, Tip

_SHOWN_PATHS = 3
_KEPT_BY_PACKAGE_MANAGER = ("var/cache/debconf/", "var/lib/dpkg/")
"""Files that each package installation rewrites. The author of a Dockerfile cannot avoid it."""


def rewritten_files(layers: Sequence[WeighedLayer], waste: Waste) -> Iterator[Tip]:
    """``rewritten-files``: of N copies of a file, N−1 are hidden. Skips copies in the base image's layers.

    Skips copies with a new mode only, because `permission_copies` counts them.
    """
    again = copies_of_base_files(layers, waste)
    for (made, hides), hidden in _by_layers(waste, {Hiding.REWRITTEN, Hiding.REMOVED}).items():
        if layers[made].from_base_image:
            continue
        copies = [copy for copy in hidden if (copy.path, made) not in again]
        if not copies:
            continue
        yield Tip(
            code="rewritten-files",
            saved_bytes=_bytes(copies),
            basis=Basis.COMPUTED,
            line=layers[hides].line,
            explanation=(
                f"{_shown(copies)}: added by {_name(layers[made])}, and rewritten or removed by"
                f" {_name(layers[hides])}. The image stores both. Use one RUN, or copy the result from a build stage."
            ),
        )


def permission_copies(layers: Sequence[WeighedLayer], waste: Waste) -> Iterator[Tip]:
    """``permission-copies``: a layer stores files again because it changes their mode, owner or time."""
    by_layer: dict[int, list[HiddenCopy]] = {}
    for (_, hides), copies in _by_layers(waste, {Hiding.METADATA_ONLY}).items():
        chosen = [copy for copy in copies if not copy.path.startswith(_KEPT_BY_PACKAGE_MANAGER)]
        by_layer.setdefault(hides, []).extend(chosen)
    for hides, copies in by_layer.items():
        if not copies:
            continue
        yield Tip(
            code="permission-copies",
            saved_bytes=_bytes(copies),
            basis=Basis.COMPUTED,
            line=layers[hides].line,
            explanation=(
                f"{_shown(copies)}: stored again by {_name(layers[hides])} with the same content and another mode,"
                " owner or time. Set it when the files are created: COPY --chown=… --chmod=…, or in the same RUN."
            ),
        )


def copies_of_base_files(layers: Sequence[WeighedLayer], waste: Waste) -> frozenset[tuple[str, int]]:
    """Path and layer of each copy of a base image's file that differs in mode, owner or time only.

    The tip removes this copy. The base image's file stays.
    """
    hidden_by = {(copy.path, copy.layer): copy for copy in waste.own if copy.how is Hiding.METADATA_ONLY}
    found: set[tuple[str, int]] = set()
    for (path, layer), first in hidden_by.items():
        copy: HiddenCopy | None = first if layers[layer].from_base_image else None
        while copy is not None:
            found.add((path, copy.hidden_by))
            copy = hidden_by.get((path, copy.hidden_by))
    return frozenset(found)


def _by_layers(waste: Waste, kinds: set[Hiding]) -> dict[tuple[int, int], list[HiddenCopy]]:
    found: dict[tuple[int, int], list[HiddenCopy]] = {}
    for copy in waste.own:
        if copy.how in kinds:
            found.setdefault((copy.layer, copy.hidden_by), []).append(copy)
    return found


def _bytes(copies: Sequence[HiddenCopy]) -> int:
    return sum(copy.size_bytes for copy in copies)


def _shown(copies: Sequence[HiddenCopy]) -> str:
    """The largest files, and the number of the others."""
    largest = sorted(copies, key=lambda copy: (-copy.size_bytes, copy.path))[:_SHOWN_PATHS]
    more = len(copies) - len(largest)
    return ", ".join(f"/{copy.path}" for copy in largest) + (f" and {more} more" if more else "")


def _name(layer: WeighedLayer) -> str:
    return f"line {layer.line}" if layer.line is not None else layer.instruction or "another layer"
