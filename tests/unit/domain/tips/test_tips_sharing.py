"""What several images could have in common, and what they could not."""

from __future__ import annotations

import random

import pytest

from weighbridge.domain.tips.sharing import NamedImage, find_shared
from weighbridge.domain.tips.tip import Basis

API = "FROM debian:bookworm\nCOPY api /\nRUN apt-get install -y curl\n"
WORKER = "FROM debian:bookworm\nCOPY worker /\nRUN apt-get install -y curl\n"
BASE = {"etc/x": b"base" * 10_000}


def noise(name, size):
    return random.Random(name).randbytes(size)


CURL = {"usr/bin/curl": noise("curl", 60_000), "usr/lib/libcurl.so": noise("libcurl", 40_000), "etc/small": b"1"}


@pytest.fixture
def named(weighed):
    def make(name, text, *layers, **config):
        image, source = weighed(text, *layers, **config)
        return NamedImage(name=name, base=source.dockerfile.stages[0].base, weighed=image)

    return make


def test_equal_files_in_separate_layers_could_be_stored_once(named):
    images = [
        named("api", API, BASE, {"api": noise("api", 9_000)}, CURL),
        named("worker", WORKER, BASE, {"worker": noise("worker", 9_000)}, CURL),
        named("other", "FROM alpine\nCOPY x /\n", {"bin/x": b"2"}, {"x": noise("x", 9_000)}),
    ]
    tip = find_shared(images, minimum_saving_bytes=1)[0]
    assert (tip.code, tip.saved_bytes, tip.basis, tip.images) == (
        "share-base",
        100_000,
        Basis.COMPUTED,
        ("api", "worker"),
    )
    assert tip.explanation == (
        "api, worker store 2 files with equal paths and contents in separate layers:"
        " RUN apt-get install -y curl (api line 3, worker line 3). Build them once: use a base image on debian:bookworm"
        " in every FROM, or put the same instructions first in each Dockerfile."
    )


def test_of_three_equal_layers_two_are_too_many(named):
    images = [named(name, "FROM scratch\nRUN x\n", CURL) for name in ("a", "b", "c")]
    assert [tip.saved_bytes for tip in find_shared(images, minimum_saving_bytes=1)] == [200_000]


def test_layer_already_shared_gives_no_tip(named, weighed):
    image, _ = weighed("FROM debian\nRUN x\n", BASE, CURL)
    images = [NamedImage(name=name, base="debian", weighed=image) for name in ("a", "b")]
    assert find_shared(images, minimum_saving_bytes=1) == ()


@pytest.mark.parametrize(
    "other",
    [
        {"usr/bin/curl": noise("newer", 60_000)},
        {"usr/local/bin/curl": CURL["usr/bin/curl"]},
        {"etc/small": b"1"},
    ],
    ids=["other content", "other path", "too small"],
)
def test_different_or_small_files_are_not_common(named, other):
    images = [named("a", "FROM scratch\nRUN x\n", CURL), named("b", "FROM scratch\nRUN x\n", other)]
    assert find_shared(images, minimum_saving_bytes=1) == ()


def test_share_base_skips_unnecessary_files(named):
    cache = {"root/.cache/pip/x": noise("x", 50_000)}
    images = [named(name, "FROM scratch\nRUN x\n", cache) for name in ("a", "b")]
    assert find_shared(images, minimum_saving_bytes=1) == ()


def test_images_of_other_platforms_are_not_compared(named):
    images = [
        named("a", "FROM scratch\nRUN x\n", CURL),
        named("b", "FROM scratch\nRUN x\n", CURL, architecture="arm64"),
    ]
    assert find_shared(images, minimum_saving_bytes=1) == ()


def test_variants_of_base_image_give_upper_bound_for_most_used(named, images, weighed):
    def on(tag, base, name):
        return named(name, f"FROM hub.example:5000/python:{tag}\nCOPY x /\n", base, {"x": noise(name, 9_000)})

    newer, older = {"bin/python": noise("newer", 80_000)}, {"bin/python": noise("older", 70_000)}
    (tip,) = find_shared([on("3.12", newer, "a"), on("3.11", older, "b")], minimum_saving_bytes=1)
    assert (tip.saved_bytes, tip.basis, tip.images) == (80_000, Basis.UPPER_BOUND, ("a", "b"))
    assert "2 variants of hub.example:5000/python" in tip.explanation
    assert "Use hub.example:5000/python:3.11 (70.0 kB) for all, pinned to one digest" in tip.explanation


def test_share_base_different_repositories_give_no_tip(named):
    images = [
        named("a", "FROM python:3\nCOPY x /\n", {"bin/python": noise("python", 80_000)}, {"x": noise("a", 9_000)}),
        named("b", "FROM node:20\nCOPY x /\n", {"bin/node": noise("node", 80_000)}, {"x": noise("b", 9_000)}),
    ]
    assert find_shared(images, minimum_saving_bytes=1) == ()
