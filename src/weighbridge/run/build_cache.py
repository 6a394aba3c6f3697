"""Beside the build: what an earlier run measured is not built again, and what this run measures is kept for the next.

A base that was measured before is taken from memory by its content key. Nothing that is remembered is trusted further
than it can be: where a layer or a file is missing, base is built as ever; and before a remembered base closes the gate
on growth it is built after all, for what drifted since then is not the author's.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import docker.errors
import requests

from weighbridge.build.builder import Builder
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.side import SIDES, Side
from weighbridge.errors import WeighbridgeError
from weighbridge.plan.content_key import BuildInputs, keyed_tree
from weighbridge.plan.image_plan import ImagePlan, PlannedSide
from weighbridge.report.model import Failure, ImageReport
from weighbridge.report.units import format_delta
from weighbridge.run.build import Built, Remembered
from weighbridge.run.plan import Planned
from weighbridge.run.request import DiffRequest, Tools
from weighbridge.sources.image_identities import image_identities, moved_images
from weighbridge.sources.measurement_cache import MEASUREMENT_FORMAT, Measured
from weighbridge.sources.reference import ImageReference, Transport

_IDENTITY_PATIENCE_SECONDS = 2.0
"""How much longer than the builds the question after images may take."""
_MAXIMUM_DEPTH = 100
"""Images upon images upon images: one that stands on more of them has no key, and is built."""


class Memory:
    """What this run can know without building, and keeps for later ones."""

    def __init__(
        self, tools: Tools, keys: Mapping[tuple[str, Side], str], plans: Sequence[ImagePlan], *, asks_engine: bool
    ) -> None:
        self._tools = tools
        self._keys = keys
        self._images = {
            (plan.name, side): _external_images(planned)
            for plan in plans
            for side in SIDES
            if (planned := plan.side(side)) is not None
        }
        self._asked = _Question(
            {name for names in self._images.values() for name in names}, tools.engine if asks_engine else None
        )
        self.remembered: dict[str, Remembered] = {}

    def recall(self, plans: Sequence[ImagePlan]) -> None:
        """Take the bases of `plans` from memory where all of them is there."""
        for plan in plans:
            key = self._keys.get((plan.name, "base"))
            measured = self._tools.measurements.find(key) if key is not None else None
            parsed = plan.base.parsed if plan.base else None
            if key is None or plan.base is None or measured is None or parsed is None:
                continue
            reference = ImageReference(transport=Transport.ENGINE, place=f"weighbridge.invalid/measured:{key}")
            if self._tools.reader.recall(reference, measured.measurement):
                self.remembered[plan.name] = Remembered(
                    reference=reference, dockerfile=parsed, target=plan.base.target, measured=measured
                )
        self._build_upstream(plans)

    def _build_upstream(self, plans: Sequence[ImagePlan]) -> None:
        """Forget the bases that others, which have to be built, are built upon."""
        waiting = [plan for plan in plans if plan.base is not None and plan.name not in self.remembered]
        while waiting:
            plan = waiting.pop()
            for name in plan.base.builds_upon if plan.base else ():
                upstream = [other for other in plans if other.image == name and other.name in self.remembered]
                for other in upstream:
                    del self.remembered[other.name]
                waiting += upstream

    def has_all(self, plans: Iterable[ImagePlan]) -> bool:
        """True where no base of `plans` has to be built."""
        return all(plan.base is None or plan.name in self.remembered for plan in plans)

    def keep(
        self,
        plan: ImagePlan,
        built: Mapping[tuple[str, Side], Built | Remembered | Failure | None],
        weighed: Mapping[Side, WeighedImage | Failure | None],
    ) -> None:
        """Keep of both sides of an image what was built and weighed, under its content key."""
        for side in SIDES:
            place = plan.name, side
            key, found = self._keys.get(place), built.get(place)
            if key is None or not isinstance(found, Built) or not isinstance(weighed[side], WeighedImage):
                continue
            measurement = self._tools.reader.measurement(found.reference)
            if measurement is not None:
                identities = self._asked.answer()
                known = {name: identities[name] for name in self._images[place] if name in identities}
                measured = Measured(measurement=measurement, measured_at=int(time.time()), identities=known)
                self._tools.measurements.keep(key, measured)

    def moved_images(self, name: str) -> tuple[str, ...]:
        """The images that the image `name` takes from, and that are others than when its base was measured."""
        remembered = self.remembered.get(name)
        return () if remembered is None else moved_images(remembered.measured.identities, self._asked.answer())

    def told(self, report: ImageReport) -> ImageReport:
        """`report`, which says of when its base is, if that is remembered."""
        remembered = self.remembered.get(report.name)
        if remembered is None or report.base is None:
            return report
        base = replace(report.base, measured_at=_when(remembered.measured), moved_images=self.moved_images(report.name))
        return replace(report, base=base)

    def is_doubtful(
        self, plan: ImagePlan, base_bytes: int | None, head: WeighedImage | None, request: DiffRequest
    ) -> bool:
        """True where the remembered base cannot stand: a piece of it is lost, or the gate would be closed by it."""
        remembered = self.remembered.get(plan.name)
        if remembered is None:
            return False
        if base_bytes is None or self._tools.reader.lost_files(remembered.reference):
            return True
        increase = request.config.limits_of(plan.image).max_increase
        return increase is not None and head is not None and increase.broken_by(base_bytes, head.image.unpacked_bytes)

    def forget(
        self, plans: Iterable[ImagePlan], base_bytes: Mapping[str, int | None]
    ) -> dict[str, tuple[str, int | None]]:
        """Have the bases of `plans` built after all. Answers when each was measured, and its bytes where known."""
        forgotten = {}
        for plan in plans:
            remembered = self.remembered.pop(plan.name)
            is_whole = not self._tools.reader.lost_files(remembered.reference)
            forgotten[plan.name] = _when(remembered.measured), base_bytes.get(plan.name) if is_whole else None
        return forgotten


def open_memory(
    planned: Planned, plans: Sequence[ImagePlan], builder: Builder, request: DiffRequest, tools: Tools
) -> Memory:
    """The memory of a run that builds `plans`, with the bases that it need not build. Raises GitError."""
    circumstances = _circumstances(builder, request, tools)
    keys: dict[tuple[str, Side], str] = {}
    if circumstances is not None:
        for side in SIDES:
            keys |= {(name, side): key for name, key in _keys_of(planned, side, plans, circumstances).items()}
    memory = Memory(tools, keys, plans, asks_engine=builder.driver.is_engines_own)
    if request.use_memory and not request.measure_noise:
        memory.recall(plans)
        for name, one in memory.remembered.items():
            tools.progress.step(f"{name} base was measured on {_when(one.measured)}: not built again")
    return memory


def drift_notes(
    forgotten: Mapping[str, tuple[str, int | None]], base_bytes: Mapping[str, int | None]
) -> tuple[str, ...]:
    """What to say of the bases that were remembered and built after all: by how much they are others now."""
    notes = []
    for name, (when, before) in forgotten.items():
        now = base_bytes.get(name)
        if before is None or now is None:
            continue
        drift = now - before
        said = f"base itself is {format_delta(drift)} since then, which is not counted" if drift else "it is the same"
        notes.append(f"{name}: base was measured on {when}, and built again before its limit counts: {said}")
    return tuple(notes)


def _keys_of(planned: Planned, side: Side, plans: Sequence[ImagePlan], circumstances: frozenset[str]) -> dict[str, str]:
    """The content keys of one side of `plans`, by name; of those that can be built."""
    images = {(plan.image, plan.platform): plan for plan in (*planned.needed, *plans)}
    sides = {place: found for place, plan in images.items() if (found := _buildable(plan, side)) is not None}
    if not any((plan.image, plan.platform) in sides for plan in plans):
        return {}
    commit = planned.revision(side).sha
    tree = keyed_tree(planned.repository, str(commit), sides.values())
    keys: dict[tuple[str, str | None], str | None] = {}

    def key_of(place: tuple[str, str | None], depth: int = 0) -> str | None:
        if place not in keys:
            keys[place] = None  # an image that is built upon itself has no key
            found = sides.get(place) if depth <= _MAXIMUM_DEPTH else None
            upstream = {name: key_of((name, place[1]), depth + 1) for name in found.builds_upon} if found else {}
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
    return planned


def _circumstances(builder: Builder, request: DiffRequest, tools: Tools) -> frozenset[str] | None:
    """Who builds, and with which secrets; ``None`` where that cannot be found out: then nothing is remembered."""
    info: dict[str, Any] = {}
    if builder.driver.is_engines_own:
        try:
            info = tools.engine().info()
        except (docker.errors.DockerException, requests.RequestException, WeighbridgeError):
            return None
    facts = [f"engine {name} {info.get(name)}" for name in ("ServerVersion", "OSType", "Architecture", "Driver")]
    facts += [f"store {status}" for status in info.get("DriverStatus") or [] if "driver-type" in status]
    facts += [f"secret {name}" for name in request.secret_files]
    facts += [
        f"format {MEASUREMENT_FORMAT}",
        f"client {builder.client.kind}",
        f"builder {builder.driver.driver} {builder.driver.name}",
    ]
    return frozenset(facts)


def _external_images(planned: PlannedSide) -> tuple[str, ...]:
    """The images that a side is built from. An unknown target names none: it cannot be built."""
    with contextlib.suppress(WeighbridgeError):
        return planned.external_images
    return ()


def _when(measured: Measured) -> str:
    return datetime.fromtimestamp(measured.measured_at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Question:
    """What images' names stand for now, asked beside the builds. It never keeps the run from ending."""

    def __init__(self, names: Iterable[str], engine: Callable[[], docker.DockerClient] | None) -> None:
        self._answer: dict[str, str] = {}
        self._thread = threading.Thread(target=self._ask, args=(sorted(names), engine), daemon=True)
        self._thread.start()

    def _ask(self, names: Sequence[str], engine: Callable[[], docker.DockerClient] | None) -> None:
        self._answer = image_identities(names, engine=engine)

    def answer(self) -> Mapping[str, str]:
        """By name, what is known; what could not be found out in time is left out."""
        self._thread.join(_IDENTITY_PATIENCE_SECONDS)
        return self._answer
