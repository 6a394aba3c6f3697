"""Bake targets outside the default group: base is built by base's targets, head by base's or its own."""

from __future__ import annotations

import pytest

from weighbridge.plan.bake_evidence import adopt_bake_target
from weighbridge.plan.definition import DefinitionKind, ImageDefinition
from weighbridge.plan.images import FoundImage
from weighbridge.plan.sides import SideDefinition

PLAIN = SideDefinition(dockerfile="Dockerfile")
IMAGE = FoundImage(name="shop", base=PLAIN, head=PLAIN, defined_in="its file name")


def target(stage: str) -> ImageDefinition:
    """A bake target that builds a stage of the Dockerfile."""
    return ImageDefinition(
        kind=DefinitionKind.BAKE, name=stage, file="docker-bake.hcl", dockerfile="Dockerfile", context=".", target=stage
    )


@pytest.mark.parametrize(
    ("others", "stages"),
    [
        ({"base": [target("prod")], "head": [target("prod")]}, ("prod", "prod")),
        ({"base": [target("prod")], "head": [target("tiny")]}, ("prod", "prod")),
        ({"base": [target("prod")]}, ("prod", "prod")),
        ({"head": [target("tiny")]}, (None, "tiny")),
        ({}, (None, None)),
    ],
    ids=["both", "changed", "removed", "new", "none"],
)
def test_target_of_bake_missing_in_base_is_not_used_for_base(others, stages):
    found = adopt_bake_target(IMAGE, others)
    assert (found.base.target, found.head.target) == stages
