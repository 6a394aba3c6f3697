"""Images whose base image may copy files that the Dockerfile does not name."""

from __future__ import annotations

import pytest

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.plan.image_plan import Change, ImagePlan, PlannedSide
from weighbridge.run import onbuild
from weighbridge.run.onbuild import with_onbuild


def unaffected(name: str, base_image: str, *, decides: bool = True) -> ImagePlan:
    """A plan that nothing affects but the base image."""
    parsed = parse_dockerfile(f"FROM {base_image}\n", path="Dockerfile")
    side = PlannedSide(dockerfile="Dockerfile", context=".", parsed=parsed)
    return ImagePlan(
        name=name, image=name, base=side, head=side, change=Change.UNAFFECTED, reason="", onbuild_decides=decides
    )


@pytest.mark.parametrize(
    ("instructions", "change", "reason"),
    [
        ((), Change.UNAFFECTED, ""),
        (("USER app", "RUN npm ci"), Change.UNAFFECTED, ""),
        (("COPY . /app",), Change.AFFECTED, "has ONBUILD COPY . /app"),
        (("add --chown=1 . /app",), Change.AFFECTED, "has ONBUILD add"),
        (("RUN --mount=type=bind,target=/src make",), Change.AFFECTED, "has ONBUILD RUN --mount"),
        (None, Change.AFFECTED, "ONBUILD of its base image acme/base:1 is unknown"),
    ],
)
def test_onbuild_of_a_base_image_decides_whether_the_context_counts(instructions, change, reason):
    (plan,) = with_onbuild([unaffected("shop", "acme/base:1")], lambda name: instructions)
    assert plan.change is change
    assert reason in plan.reason


def test_image_decided_without_onbuild_asks_for_no_base_image():
    asked: list[str] = []
    plans = [unaffected("a", "acme/base:1", decides=False)]
    assert with_onbuild(plans, asked.append) == tuple(plans)
    assert asked == []


def test_base_image_of_several_images_is_looked_up_once():
    asked: list[str] = []
    with_onbuild(
        [unaffected("a", "acme/base:1"), unaffected("b", "acme/base:1")], lambda name: asked.append(name) or ()
    )
    assert asked == ["acme/base:1"]


def test_base_images_beyond_the_time_limit_are_unknown(monkeypatch):
    monkeypatch.setattr(onbuild, "MAXIMUM_SECONDS", 0.0)
    (plan,) = with_onbuild([unaffected("a", "acme/base:1")], lambda name: ())
    assert plan.change is Change.AFFECTED
