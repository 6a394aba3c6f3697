"""Copies that nobody can see: files that a later layer of the same Dockerfile rewrote, removed or only touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from weighbridge.domain.align import WeighedLayer
from weighbridge.domain.tips.model import Basis, Tip
from weighbridge.domain.waste import HiddenCopy, Hiding, Waste

_SHOWN_PATHS = 3


def rewritten_files(layers: Sequence[WeighedLayer], waste: Waste) -> Iterator[Tip]:
    """``rewritten-files``: N copies of a file are N−1 too many. Copies in the base image's layers are not counted."""
    for (made, hides), copies in _by_layers(waste, {Hiding.REWRITTEN, Hiding.REMOVED}).items():
        if layers[made].from_base_image:
            continue
        yield Tip(
            code="rewritten-files",
            saved_bytes=_bytes(copies),
            basis=Basis.COMPUTED,
            line=layers[hides].line,
            explanation=(
                f"{_shown(copies)}: put there by {_name(layers[made])}, and rewritten or removed by"
                f" {_name(layers[hides])}; the image keeps both. Do it in one RUN, or copy what comes out from a stage."
            ),
        )


def permission_copies(layers: Sequence[WeighedLayer], waste: Waste) -> Iterator[Tip]:
    """``permission-copies``: a layer holds files again only because their mode, owner or time was changed there."""
    by_layer: dict[int, list[HiddenCopy]] = {}
    for (_, hides), copies in _by_layers(waste, {Hiding.METADATA_ONLY}).items():
        by_layer.setdefault(hides, []).extend(copies)
    for hides, copies in by_layer.items():
        yield Tip(
            code="permission-copies",
            saved_bytes=_bytes(copies),
            basis=Basis.COMPUTED,
            line=layers[hides].line,
            explanation=(
                f"{_shown(copies)}: stored a second time by {_name(layers[hides])}, with another mode, owner or time"
                " and the same content. Set it where the files are made: COPY --chown=… --chmod=…, or in the same RUN."
            ),
        )


def _by_layers(waste: Waste, kinds: set[Hiding]) -> dict[tuple[int, int], list[HiddenCopy]]:
    found: dict[tuple[int, int], list[HiddenCopy]] = {}
    for copy in waste.own:
        if copy.how in kinds:
            found.setdefault((copy.layer, copy.hidden_by), []).append(copy)
    return found


def _bytes(copies: Sequence[HiddenCopy]) -> int:
    return sum(copy.size_bytes for copy in copies)


def _shown(copies: Sequence[HiddenCopy]) -> str:
    """The largest of the files, and how many more there are."""
    largest = sorted(copies, key=lambda copy: (-copy.size_bytes, copy.path))[:_SHOWN_PATHS]
    more = len(copies) - len(largest)
    return ", ".join(f"/{copy.path}" for copy in largest) + (f" and {more} more" if more else "")


def _name(layer: WeighedLayer) -> str:
    return f"line {layer.line}" if layer.line is not None else layer.instruction or "another layer"
