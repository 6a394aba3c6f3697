"""`mode: compare`: weighs images that other steps built, from the inputs `base-image` and `head-image`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from weighbridge.action.inputs import Inputs
from weighbridge.domain.globs import match_path
from weighbridge.errors import UsageError
from weighbridge.run.existing import ImagePair
from weighbridge.sources.reference import ImageReference
from weighbridge.sources.transports import parse_image_reference

MAXIMUM_IMAGES = 500
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")


def image_pairs(inputs: Inputs, workspace: Path) -> tuple[ImagePair, ...]:
    """The images of `head-image`, each paired with the image of the same name in `base-image`.

    Raises UsageError for a line without an image, for a name that occurs twice or only in base, and for a file outside
    of the workspace.
    """
    heads = _named(inputs.head_images, "head-image", workspace)
    bases = _named(inputs.base_images, "base-image", workspace)
    if not heads:
        raise UsageError("mode: compare needs `head-image`: one image per line, NAME=REFERENCE (docs/ready-images.md).")
    if None in heads and bases and len(heads) == len(bases) == 1:
        bases = {None: next(iter(bases.values()))}
    only_base = [name for name in bases if name not in heads]
    if only_base:
        raise UsageError(f"base-image: {only_base[0] or 'the image without a name'} has no line in head-image.")
    pairs = [ImagePair(name=name or _own_name(head), base=bases.get(name), head=head) for name, head in heads.items()]
    return tuple(
        pair for pair in pairs if not inputs.images or any(match_path(glob, pair.name) for glob in inputs.images)
    )


def _named(lines: tuple[str, ...], name: str, workspace: Path) -> Mapping[str | None, ImageReference]:
    found: dict[str | None, ImageReference] = {}
    for line in lines:
        image, separator, text = line.partition("=")
        key: str | None = image.strip() if separator and _NAME.fullmatch(image.strip()) else None
        reference = _in_workspace(parse_image_reference(text.strip() if key is not None else line), name, workspace)
        if key in found:
            raise UsageError(f"{name}: {key or 'an image without a name'} occurs twice. Write NAME=REFERENCE.")
        found[key] = reference
        if len(found) > MAXIMUM_IMAGES:
            raise UsageError(f"{name}: more than {MAXIMUM_IMAGES} images.")
    if None in found and len(found) > 1:
        raise UsageError(f"{name}: with several lines, each needs a name: NAME=REFERENCE.")
    return found


def _in_workspace(reference: ImageReference, name: str, workspace: Path) -> ImageReference:
    """The file or folder of a reference as a path in the workspace: other paths of the runner are not visible here."""
    if not reference.transport.is_path:
        return reference
    path = (workspace / reference.place).resolve()
    if not path.is_relative_to(workspace):
        raise UsageError(f"{name}: {reference.place[:200]!r} is not in the workspace. Write it as a relative path.")
    return replace(reference, place=str(path))


def _own_name(reference: ImageReference) -> str:
    """The name of a single image without a name: the last part of its reference, without tag and extension."""
    last = reference.place.rstrip("/").rpartition("/")[2].partition("@")[0]
    if reference.transport.is_path:
        return re.sub(r"\.(?:tar|tgz|oci)(?:\.\w+)?\Z", "", last) or "image"
    return last.partition(":")[0] or "image"
