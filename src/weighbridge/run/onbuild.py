"""``ONBUILD`` of base images: copies files of the context that the Dockerfile itself does not name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import docker
import docker.errors
import requests

from weighbridge.errors import WeighbridgeError
from weighbridge.plan.image_plan import Change, ImagePlan

_COPIES = ("COPY", "ADD")


def with_onbuild(
    plans: Sequence[ImagePlan], engine: Callable[[], docker.DockerClient]
) -> tuple[tuple[ImagePlan, ...], tuple[str, ...]]:
    """Mark the images in `plans` as affected that ``ONBUILD`` of a base image affects; also returns notes on unknowns.

    Inspects only base images in the engine. Reference: Dockerfile reference, ``ONBUILD``.
    """
    triggers: dict[str, tuple[str, ...] | None] = {}
    unknown: dict[str, None] = {}
    found = []
    for plan in plans:
        if plan.onbuild_decides and plan.head is not None:
            for name in plan.head.external_images:
                if name not in triggers:
                    triggers[name] = _triggers(name, engine)
                copying = [one for one in triggers[name] or () if one.split(maxsplit=1)[0].upper() in _COPIES]
                if copying:
                    plan = replace(  # noqa: PLW2901 - the plan with its new reason
                        plan, change=Change.AFFECTED, reason=f"its base image {name} has ONBUILD {copying[0][:100]}"
                    )
                    break
                if triggers[name] is None:
                    unknown[name] = None
        found.append(plan)
    if not unknown:
        return tuple(found), ()
    names = ", ".join(list(unknown)[:10])
    note = f"unknown: ONBUILD of {names}, which the engine lacks; it may copy files that the Dockerfile does not"
    return tuple(found), (note,)


def _triggers(name: str, engine: Callable[[], docker.DockerClient]) -> tuple[str, ...] | None:
    """The ``ONBUILD`` instructions of an image in the engine; ``None`` if the engine does not have it."""
    try:
        config = engine().images.get(name).attrs.get("Config") or {}
    except (docker.errors.DockerException, requests.RequestException, WeighbridgeError):
        return None
    return tuple(str(one) for one in config.get("OnBuild") or () if str(one).strip())
