"""Pairs of images that exist already, without an engine."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tars import tar_of

from weighbridge.cli.clients import make_tools
from weighbridge.config import Config, ImageSettings
from weighbridge.config.settings import ReportSettings
from weighbridge.domain.gate.limits import parse_limit, parse_size_limit
from weighbridge.domain.gate.scale import Rule
from weighbridge.domain.gate.settings import Limits
from weighbridge.domain.image.image import Image
from weighbridge.domain.image.layer import Entry, EntryKind
from weighbridge.domain.image.rootfs import ContentReader, Node
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.result.revision import Revision
from weighbridge.domain.result.status import Status
from weighbridge.errors import ImageError
from weighbridge.progress.lines import Silent
from weighbridge.report.assemble import assemble
from weighbridge.run import existing
from weighbridge.run.base_image import BaseLayers
from weighbridge.run.clients import Tools
from weighbridge.run.existing import ImagePair, inspect_image, weigh_pairs
from weighbridge.run.inspected_images import CompleteReads, InspectedImages
from weighbridge.run.known_image import inspect_known_image
from weighbridge.run.read import weigh_on_base
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.transports import parse_image_reference


def archive(path: Path, *sizes: int, labels: dict[str, str] | None = None) -> str:
    """A saved image with a layer for each of `sizes`, which has one file of so many bytes, and its reference."""
    layers = {f"layer{number}.tar": tar_of({f"data{number}": b"x" * size}) for number, size in enumerate(sizes)}
    document = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": labels},
        "rootfs": {"diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers.values()]},
    }
    manifest = json.dumps([{"Config": "config.json", "RepoTags": None, "Layers": list(layers)}]).encode()
    path.write_bytes(tar_of({"config.json": json.dumps(document).encode(), **layers, "manifest.json": manifest}))
    return f"docker-archive:{path}"


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Tools]:
    with make_tools(
        progress=Silent(stream=sys.stderr),
        platform=None,
        cache_dir=tmp_path / "cache",
        environment={"DOCKER_HOST": "unix:///nowhere/docker.sock", "PATH": ""},
        read_storage=False,
    ) as made:
        yield made


def pair(name: str, base: str | None, head: str) -> ImagePair:
    return ImagePair(name=name, base=parse_image_reference(base) if base else None, head=parse_image_reference(head))


def test_pairs_are_judged_by_limits_of_their_names(tmp_path: Path, tools: Tools) -> None:
    small, large = archive(tmp_path / "small.tar", 1000), archive(tmp_path / "large.tar", 5000)
    config = Config(limits=Limits(max_increase=parse_limit("+1kB")))
    revisions = {"base": Revision(ref="main"), "head": Revision(ref="work")}
    pairs = [
        pair("grown", small, large),
        pair("shrunk", large, small),
        pair("new", None, large),
        pair("same", small, small),
    ]
    result = weigh_pairs(pairs, config, tools, **revisions)
    statuses = {image.name: image.status for image in result.images}
    assert statuses == {
        "grown": Status.CHANGED,
        "shrunk": Status.CHANGED,
        "new": Status.ADDED,
        "same": Status.UNCHANGED,
    }
    assert [(breach.image, breach.rule) for breach in result.breaches] == [("grown", Rule.MAX_INCREASE)]


def test_pair_with_unreadable_head_fails_only_itself(tmp_path: Path, tools: Tools) -> None:
    good = archive(tmp_path / "good.tar", 1000)
    missing = f"docker-archive:{tmp_path / 'missing.tar'}"
    result = weigh_pairs([pair("bad", good, missing), pair("good", good, good)], Config(), tools)
    assert [image.status for image in result.images] == [Status.FAILED, Status.UNCHANGED]
    assert "there is no such file" in (result.images[0].reason or "")
    assert [(breach.image, breach.rule) for breach in result.breaches] == [("bad", Rule.UNREADABLE)]


def test_pair_with_unreadable_base_weighs_head(tmp_path: Path, tools: Tools) -> None:
    good = archive(tmp_path / "good.tar", 1000)
    result = weigh_pairs([pair("app", f"oci:{tmp_path / 'missing'}", good)], Config(), tools)
    (image,) = result.images
    assert (image.status, image.base) == (Status.CHANGED, None)
    assert image.head is not None
    assert image.head.unpacked_bytes == 1000
    assert "base could not be weighed" in (image.reason or "")


def test_declared_base_image_has_common_first_layers(tmp_path: Path, tools: Tools) -> None:
    base = parse_image_reference(archive(tmp_path / "base.tar", 100, 200))
    image = parse_image_reference(archive(tmp_path / "image.tar", 100, 200, 5000))
    (side,) = inspect_image(image, Config(), tools, built_on=base).images
    assert side.head is not None
    assert [layer.from_base_image for layer in side.head.layers] == [True, True, False]
    assert side.head.notes == (f"base image {base} (declared): provides the lowest 2 of 3 layers",)


def test_base_image_of_another_version_shares_equal_layers(tmp_path: Path, tools: Tools) -> None:
    base = parse_image_reference(archive(tmp_path / "base.tar", 100, 201))
    image = parse_image_reference(archive(tmp_path / "image.tar", 100, 200, 5000))
    (side,) = inspect_image(image, Config(), tools, built_on=base).images
    assert side.head is not None
    assert [layer.from_base_image for layer in side.head.layers] == [True, False, False]
    assert "the base image has 2 layers, so it is another version now" in side.head.notes[0]


def test_configured_base_image_splits_growth_of_pair(tmp_path: Path, tools: Tools) -> None:
    base = archive(tmp_path / "base.tar", 100)
    old, new = archive(tmp_path / "old.tar", 100, 200), archive(tmp_path / "new.tar", 100, 300)
    config = Config(images={"app": ImageSettings(name="app", line=1, from_image=base)})
    (image,) = weigh_pairs([pair("app", old, new)], config, tools).images
    assert image.comparison is not None
    assert (image.comparison.layers.base_image_bytes, image.comparison.layers.own_bytes) == (0, 100)


def test_base_image_unreadable_gives_note_only(tmp_path: Path, tools: Tools) -> None:
    image = parse_image_reference(archive(tmp_path / "image.tar", 100))
    missing = parse_image_reference(f"oci:{tmp_path / 'missing'}")
    (side,) = inspect_image(image, Config(), tools, built_on=missing).images
    assert side.head is not None
    assert [layer.from_base_image for layer in side.head.layers] == [False]
    assert "cannot be read, so its layers are unknown" in side.head.notes[0]


@pytest.fixture
def weighed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The image IDs that are weighed, in order."""
    found: list[str] = []

    def weigh(image: Image, base: BaseLayers, contents: ContentReader) -> WeighedImage:
        found.append(image.image_id)
        return weigh_on_base(image, base, contents)

    monkeypatch.setattr(existing, "weigh_on_base", weigh)
    return found


def test_image_inspected_twice_is_weighed_once(tmp_path: Path, tools: Tools, weighed: list[str]) -> None:
    image = parse_image_reference(archive(tmp_path / "image.tar", 100, 5000))
    first = inspect_known_image(image, Config(), tools)
    assert inspect_known_image(image, Config(), tools) == first
    assert first == assemble(inspect_image(image, Config(), tools))
    assert len(weighed) == 1


def test_image_without_file_map_is_weighed_again_for_report_with_map(
    tmp_path: Path, tools: Tools, weighed: list[str]
) -> None:
    image = parse_image_reference(archive(tmp_path / "image.tar", 100, 5000))
    without = Config(report=ReportSettings(file_maps=False))
    assert inspect_known_image(image, without, tools).images[0].file_map is None
    assert inspect_known_image(image, Config(), tools).images[0].file_map is not None
    assert inspect_known_image(image, without, tools).images[0].file_map is None
    assert len(weighed) == 2


def test_image_with_other_content_limits_or_base_is_weighed_again(
    tmp_path: Path, tools: Tools, weighed: list[str]
) -> None:
    image = parse_image_reference(archive(tmp_path / "image.tar", 100, 5000))
    base = parse_image_reference(archive(tmp_path / "base.tar", 100))
    strict = Config(limits=Limits(max_size=parse_size_limit("1kB")))
    assert inspect_known_image(image, Config(), tools).verdict.passed
    assert not inspect_known_image(image, strict, tools).verdict.passed
    assert inspect_known_image(image, Config(), tools, built_on=base).images[0].head.layers[0].from_base_image
    archive(tmp_path / "image.tar", 100, 6000)
    with make_tools(
        progress=Silent(stream=sys.stderr),
        platform=None,
        cache_dir=tools.cache_folder,
        environment=tools.environment,
        read_storage=False,
    ) as later:
        assert inspect_known_image(image, Config(), later).images[0].head.unpacked_bytes == 6100
    assert len(weighed) == 4


def test_damaged_cached_report_counts_as_missing(tmp_path: Path, tools: Tools, weighed: list[str]) -> None:
    image = parse_image_reference(archive(tmp_path / "image.tar", 100))
    first = inspect_known_image(image, Config(), tools)
    reports = InspectedImages(tools.cache_folder)
    for path in tools.cache_folder.rglob("config/*/*.wbi"):
        path.write_bytes(path.read_bytes()[:-3] + b"abc")
    assert inspect_known_image(image, Config(), tools) == first
    assert len(weighed) == 2
    LayerCache(tools.cache_folder).put_document("inspected 1 key", b"{}")
    assert reports.find("key") is None


def test_report_after_failed_read_is_not_cached(tmp_path: Path, tools: Tools) -> None:
    class Lost:
        def read(self, node: Node, *, offset: int, length: int) -> bytes:
            raise ImageError("gone")

    reads = CompleteReads()
    with pytest.raises(ImageError):
        reads.contents(Lost()).read(
            Node(path="/a", entry=Entry(path="a", kind=EntryKind.FILE), diff_id="", stored_path="a"), offset=0, length=1
        )
    assert not reads.are_complete
