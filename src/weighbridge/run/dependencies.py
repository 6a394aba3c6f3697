"""Builds images that other images of the repository build on: first, once per side, and passed as named contexts."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.build.client import BuildClient, BuildKind
from weighbridge.domain.result.failure import SideFailure
from weighbridge.domain.side import Side
from weighbridge.errors import BuildError
from weighbridge.plan.image_plan import ContextKind, ImagePlan, PlannedSide
from weighbridge.sources.layout import REFERENCE_NAME
from weighbridge.sources.reference import ImageReference

if TYPE_CHECKING:
    from weighbridge.run.build_outcome import BuiltSide


_ATTEMPTS = 20
_PAUSE_SECONDS = 0.1


class Dependencies:
    """Builds each side of an image once, even if several images build on it.

    `needed` are all images that callers may request. `build` builds one side of an image. Thread-safe: the plan has no
    cycles, so two threads never wait for each other.
    """

    def __init__(
        self, needed: Sequence[ImagePlan], build: Callable[[ImagePlan, Side], BuiltSide | SideFailure | None]
    ) -> None:
        self._plans = {(plan.image, plan.platform): plan for plan in needed}
        self._any_platform = {plan.image: plan for plan in needed}
        self._build = build
        self._lock = threading.Lock()
        self._locks: dict[tuple[str, Side], threading.Lock] = {}
        self._built: dict[tuple[str, Side], BuiltSide | SideFailure | None] = {}

    def built(self, plan: ImagePlan, side: Side) -> BuiltSide | SideFailure | None:
        """One side of an image. The first call builds it."""
        key = (plan.name, side)
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._built:
                self._built[key] = self._build(plan, side)
            return self._built[key]

    def contexts(
        self, plan: ImagePlan, side: Side, planned: PlannedSide, *, tree: Path, client: BuildClient
    ) -> Mapping[str, str]:
        """The additional contexts of a side for ``--build-context``. Raises BuildError if one cannot be built."""
        contexts = {}
        for name, one in planned.contexts.items():
            match one.kind:
                case ContextKind.FOLDER:
                    contexts[name] = str(tree / one.value)
                case ContextKind.REMOTE:
                    contexts[name] = one.value
                case ContextKind.IMAGE if client.kind is BuildKind.BUILDX or not one.by_tag:
                    contexts[name] = _as_context(self._reference(one.value, plan.platform, side))
        return contexts

    def _reference(self, image: str, platform: str | None, side: Side) -> ImageReference:
        plan = self._plans.get((image, platform))
        if plan is None:
            other = self._any_platform[image]
            plan = replace(other, platform=platform, name=image if platform is None else f"{image}@{platform}")
        built = self.built(plan, side)
        if built is None:
            raise BuildError(f"it builds on {image}, which {side} does not have")
        if isinstance(built, SideFailure):
            raise BuildError(f"it builds on {image}, which could not be built: {built.message}")
        return built.reference


def notes_of_tags(plans: Sequence[ImagePlan], client: BuildClient) -> tuple[str, ...]:
    """Notes on images that use a tag instead of the repository's image, because buildx is missing."""
    if client.kind is BuildKind.BUILDX:
        return ()
    found = {
        f"{plan.image}: builds on {name} of the engine or a registry, not on this repository's {one.value}."
        " Install docker buildx.": None
        for plan in plans
        for side in (plan.base, plan.head)
        if side is not None
        for name, one in side.contexts.items()
        if one.by_tag
    }
    return tuple(found)


def _as_context(reference: ImageReference) -> str:
    """A built image as a context of the next build. Raises BuildError."""
    if reference.is_in_engine:
        return f"docker-image://{reference.place}"
    # By digest: other builds write to the same layout, and each build rewrites the file that resolves tags.
    return f"oci-layout://{reference.place}@{_digest(reference)}"


def _digest(reference: ImageReference) -> str:
    """The digest of an image in its layout. Sources: OCI image layout, ``index.json``; BuildKit's OCI exporter."""
    name = reference.name or ""
    names = {name, name.rpartition(":")[2]}  # some versions of the exporter write the whole name, others only the tag
    for _ in range(_ATTEMPTS):  # another build may be writing the index
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            index = json.loads((Path(reference.place) / "index.json").read_bytes())
            for one in index["manifests"]:
                if (one.get("annotations") or {}).get(REFERENCE_NAME) in names:
                    return str(one["digest"])
        time.sleep(_PAUSE_SECONDS)
    raise BuildError(f"the image {reference} is no longer in its layout")
