"""The build cache: skips bases that an earlier run measured, and stores the measurements of this run.

The content key finds a base. Base is built if a layer or a file is missing in the cache. Base is also built again
before its cached size fails a job: the author did not cause drift since the earlier run.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import docker.errors
import requests

from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.result.failure import SideFailure
from weighbridge.domain.result.image import CachedBase
from weighbridge.domain.side import SIDES, Side
from weighbridge.errors import WeighbridgeError
from weighbridge.plan.content_key import BuildInputs, keyed_tree
from weighbridge.plan.image_plan import ImagePlan, PlannedSide
from weighbridge.report.report_text import minute_text
from weighbridge.report.units import format_delta
from weighbridge.run.build_outcome import BuildOutcomes, BuiltSide, CachedSide
from weighbridge.run.clients import ImageBuilder, Tools
from weighbridge.run.plan import Planned
from weighbridge.run.request import DiffRequest
from weighbridge.sources.image_identities import image_identities, moved_images
from weighbridge.sources.measurement_cache import MEASUREMENT_FORMAT, CachedMeasurement
from weighbridge.sources.reference import ImageReference
from weighbridge.sources.transports import ENGINE

_IDENTITY_PATIENCE_SECONDS = 2.0
"""Maximum time to wait for image identities after the builds."""
_MAXIMUM_DEPTH = 100
"""An image with a longer chain of dependencies has no content key. It is always built."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StaleBase:
    """A cached base that was built again: its time of measurement (Unix time), and its size if known."""

    measured_at: int
    unpacked_bytes: int | None


class BuildCache:
    """The cached bases of a run, by image name in `bases`. Stores the measurements of the run."""

    def __init__(
        self,
        tools: Tools,
        keys: Mapping[tuple[str, Side], str],
        plans: Sequence[ImagePlan],
        *,
        asks_engine: bool,
        circumstances: frozenset[str] | None,
    ) -> None:
        self._tools = tools
        self._keys = keys
        self._images = {
            (plan.name, side): _external_images(planned)
            for plan in plans
            for side in SIDES
            if (planned := plan.side(side)) is not None
        }
        self._identities = _IdentityLookup(
            {name for names in self._images.values() for name in names}, tools.engine if asks_engine else None
        )
        self.bases: dict[str, CachedSide] = {}
        self.circumstances = circumstances

    def look_up(self, plans: Sequence[ImagePlan]) -> None:
        """Find the bases of `plans` that are complete in the cache."""
        for plan in plans:
            key = self._keys.get((plan.name, "base"))
            measured = self._tools.measurements.find(key) if key is not None else None
            parsed = plan.base.parsed if plan.base else None
            if key is None or plan.base is None or measured is None or parsed is None:
                continue
            reference = ImageReference(transport=ENGINE, place=f"weighbridge.invalid/measured:{key}")
            if self._tools.reader.recall(reference, measured.measurement):
                self.bases[plan.name] = CachedSide(
                    reference=reference, dockerfile=parsed, target=plan.base.target, measured=measured
                )
        self._drop_dependencies(plans)

    def _drop_dependencies(self, plans: Sequence[ImagePlan]) -> None:
        """Drop cached bases that another base needs for its build."""
        waiting = [plan for plan in plans if plan.base is not None and plan.name not in self.bases]
        while waiting:
            plan = waiting.pop()
            for name in plan.base.builds_on if plan.base else ():
                upstream = [other for other in plans if other.image == name and other.name in self.bases]
                for other in upstream:
                    del self.bases[other.name]
                waiting += upstream

    def head_key(self, name: str) -> str | None:
        """The content key of head of the image `name`; ``None`` if its content is unknown."""
        return self._keys.get((name, "head"))

    def has_all(self, plans: Iterable[ImagePlan]) -> bool:
        """True if no base of `plans` must be built."""
        return all(plan.base is None or plan.name in self.bases for plan in plans)

    def keep(
        self,
        plan: ImagePlan,
        built: BuildOutcomes,
        weighed: Mapping[Side, WeighedImage | SideFailure | None],
    ) -> None:
        """Store the built and weighed sides of an image under their content keys."""
        for side in SIDES:
            place = plan.name, side
            key, found = self._keys.get(place), built.get(place)
            if key is None or not isinstance(found, BuiltSide) or not isinstance(weighed[side], WeighedImage):
                continue
            measurement = self._tools.reader.measurement(found.reference)
            if measurement is not None:
                identities = self._identities.answer()
                known = {name: identities[name] for name in self._images[place] if name in identities}
                measured = CachedMeasurement(measurement=measurement, measured_at=int(time.time()), identities=known)
                self._tools.measurements.keep(key, measured)

    def cached_base(self, name: str) -> CachedBase | None:
        """The time of measurement of the base of `name`, and the images that moved since. ``None``: it was built."""
        base = self.bases.get(name)
        if base is None:
            return None
        moved = moved_images(base.measured.identities, self._identities.answer())
        return CachedBase(measured_at=base.measured.measured_at, moved_images=moved)

    def is_stale(self, plan: ImagePlan, base_bytes: int | None, head_bytes: int | None, request: DiffRequest) -> bool:
        """True if a cached base is incomplete, or if its size would fail the job."""
        base = self.bases.get(plan.name)
        if base is None:
            return False
        if base_bytes is None or self._tools.reader.lost_files(base.reference):
            return True
        increase = request.config.limits_of(plan.image, base_image=plan.base_image).max_increase
        return increase is not None and head_bytes is not None and increase.broken_by(base_bytes, head_bytes)

    def drop(self, plan: ImagePlan, base_bytes: int | None) -> StaleBase:
        """Drop the cached base of an image, so that base is built. Returns the cached measurement."""
        base = self.bases.pop(plan.name)
        is_whole = not self._tools.reader.lost_files(base.reference)
        return StaleBase(measured_at=base.measured.measured_at, unpacked_bytes=base_bytes if is_whole else None)


def open_build_cache(
    planned: Planned, plans: Sequence[ImagePlan], builder: ImageBuilder, request: DiffRequest, tools: Tools
) -> BuildCache:
    """Opens the build cache for `plans`, and finds the bases that need no build. Raises GitError."""
    circumstances = _circumstances(builder, request, tools)
    keys: dict[tuple[str, Side], str] = {}
    if circumstances is not None:
        for side in SIDES:
            keys |= {(name, side): key for name, key in _keys_of(planned, side, plans, circumstances).items()}
    cache = BuildCache(tools, keys, plans, asks_engine=builder.driver.is_engines_own, circumstances=circumstances)
    if request.use_memory and not request.measure_noise:
        cache.look_up(plans)
        for name, base in cache.bases.items():
            tools.progress.step(
                f"{name} base was measured on {minute_text(base.measured.measured_at)}: not built again"
            )
    return cache


def drift_note(name: str, stale: StaleBase, base_bytes: int | None) -> str | None:
    """The report's note on a cached base that was built again; ``None`` if one of its sizes is unknown."""
    if stale.unpacked_bytes is None or base_bytes is None:
        return None
    drift = base_bytes - stale.unpacked_bytes
    change = f"base itself changed by {format_delta(drift)} since then, which does not count" if drift else "no change"
    when = minute_text(stale.measured_at)
    return f"{name}: base was measured on {when}, and rebuilt to check its limit: {change}"


def _keys_of(planned: Planned, side: Side, plans: Sequence[ImagePlan], circumstances: frozenset[str]) -> dict[str, str]:
    """The content keys of one side of those `plans` that can be built, by name."""
    images = {(plan.image, plan.platform): plan for plan in (*planned.needed, *plans)}
    sides = {place: found for place, plan in images.items() if (found := _buildable(plan, side)) is not None}
    if not any((plan.image, plan.platform) in sides for plan in plans):
        return {}
    commit = planned.revision(side).sha
    tree = keyed_tree(planned.repository, str(commit), sides.values())
    keys: dict[tuple[str, str | None], str | None] = {}

    def key_of(place: tuple[str, str | None], depth: int = 0) -> str | None:
        if place not in keys:
            keys[place] = None  # an image that builds on itself has no key
            found = sides.get(place) if depth <= _MAXIMUM_DEPTH else None
            upstream = {name: key_of((name, place[1]), depth + 1) for name in found.builds_on} if found else {}
            known = {name: key for name, key in upstream.items() if key is not None}
            if found is not None and len(known) == len(upstream):
                keys[place] = tree.key(
                    BuildInputs(side=found, platform=place[1], upstream=known, circumstances=circumstances)
                )
        return keys[place]

    by_name = {plan.name: key_of((plan.image, plan.platform)) for plan in plans}
    return {name: key for name, key in by_name.items() if key is not None}


def _buildable(plan: ImagePlan, side: Side) -> PlannedSide | None:
    planned = plan.side(side)
    if planned is None or planned.failure is not None or planned.parsed is None or planned.context is None:
        return None
    # The files that a prepare command makes are known only after it ran.
    return None if planned.prepare else planned


def _circumstances(builder: ImageBuilder, request: DiffRequest, tools: Tools) -> frozenset[str] | None:
    """Identifies the engine, the builder and the secrets. ``None`` if they are unknown: then nothing is cached."""
    facts: list[str] = []
    if builder.driver.is_engines_own:
        try:
            info = tools.engine().info()
        except (docker.errors.DockerException, requests.RequestException, WeighbridgeError):
            return None
        names = ("ServerVersion", "OSType", "Architecture", "Driver")
        facts += [f"engine {name} {info.get(name)}" for name in names]
        facts += [f"store {status}" for status in info.get("DriverStatus") or [] if "driver-type" in status]
    facts += [f"secret {name}" for name in request.secret_files]
    facts += [
        f"format {MEASUREMENT_FORMAT}",
        f"client {builder.client.kind}",
        f"builder {builder.driver.driver} {builder.driver.name}",
    ]
    return frozenset(facts)


def _external_images(planned: PlannedSide) -> tuple[str, ...]:
    """The images that a side is built from. None for an unknown target, because it cannot be built."""
    with contextlib.suppress(WeighbridgeError):
        return planned.external_images
    return ()


class _IdentityLookup:
    """Resolves image names to digests while the builds run. It delays the end of the run by 2 seconds at most."""

    def __init__(self, names: Iterable[str], engine: Callable[[], docker.DockerClient] | None) -> None:
        self._answer: dict[str, str] = {}
        self._thread = threading.Thread(target=self._ask, args=(sorted(names), engine), daemon=True)
        self._thread.start()

    def _ask(self, names: Sequence[str], engine: Callable[[], docker.DockerClient] | None) -> None:
        self._answer = image_identities(names, engine=engine)

    def answer(self) -> Mapping[str, str]:
        """The identities by image name. Omits names that did not resolve in time."""
        self._thread.join(_IDENTITY_PATIENCE_SECONDS)
        return self._answer
