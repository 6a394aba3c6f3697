"""Images that bake and Compose files define on two sides: one image for what is built alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weighbridge.plan.definition import DefinitionKind, ImageDefinition
from weighbridge.plan.git import EntryType, TreeEntry
from weighbridge.plan.pairing import DefinedPair, pair_definitions
from weighbridge.plan.tree import Tree

TREE = Tree([TreeEntry(path="Dockerfile", sha="0" * 40, type=EntryType.FILE)])
PLATFORMS = ("linux/amd64", "linux/arm64")
TARGET = ImageDefinition(
    kind=DefinitionKind.BAKE,
    name="image",
    file="docker-bake.hcl",
    dockerfile="Dockerfile",
    context=".",
    platforms=PLATFORMS,
)
SERVICE = replace(TARGET, kind=DefinitionKind.COMPOSE, name="web", file="compose.yaml", platforms=())


def pairs(base: list[ImageDefinition], head: list[ImageDefinition]) -> list[DefinedPair]:
    """The paired images of a repository with one Dockerfile."""
    trees = {"base": TREE, "head": TREE}
    return list(pair_definitions({"base": base, "head": head}, trees, is_taken={}, taken_names=()))


def test_target_and_service_of_one_image_are_one_image_with_both_names():
    (one,) = pairs([TARGET, SERVICE], [TARGET, SERVICE])
    assert (one.name, [other.name for other in one.others]) == ("image", ["web"])
    assert one.base == one.head == TARGET


@pytest.mark.parametrize(
    "service",
    [
        replace(SERVICE, build_args={"V": "1"}),
        replace(SERVICE, target="test"),
        replace(SERVICE, platforms=("linux/arm64",)),
    ],
    ids=["arguments", "stage", "platforms"],
)
def test_target_and_service_that_differ_are_two_images(service):
    assert [one.name for one in pairs([TARGET, service], [TARGET, service])] == ["image", "web"]


def test_service_that_a_new_target_repeats_keeps_its_base():
    (one,) = pairs([SERVICE], [TARGET, SERVICE])
    assert (one.name, one.base_name, one.base, one.head) == ("image", "web", SERVICE, TARGET)


def test_removed_second_definition_removes_no_image():
    (one,) = pairs([TARGET, SERVICE], [TARGET])
    assert (one.name, one.base, one.head) == ("image", TARGET, TARGET)


def test_removed_target_for_a_platform_is_removed_image():
    arm = replace(TARGET, name="arm", platforms=("linux/arm64",))
    found = pairs([TARGET, arm], [TARGET])
    assert [(one.name, one.head) for one in found] == [("image", TARGET), ("arm", None)]
