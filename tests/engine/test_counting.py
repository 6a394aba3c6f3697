"""The bytes of ten images, layer by layer, counted with nothing but `tarfile`, against ours over every transport."""

from __future__ import annotations

import json
import subprocess
import tarfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback import running_registry

from weighbridge.domain.image.image import Image
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.transports import parse_image_reference

STAGES = {
    "plain": "RUN echo one > /one && echo longer > /two",
    "links": "RUN head -c 5000 /dev/urandom > /a && ln /a /b && ln -s a /c && ln /a /bin/d",
    "removed": "RUN mkdir /d && head -c 9000 /dev/urandom > /d/a && echo b > /d/b\nRUN rm /d/a\n"
    "RUN rm -r /d && mkdir /d",
    "rewritten": "RUN head -c 7000 /dev/urandom > /a\nRUN head -c 6000 /dev/urandom > /a\nRUN echo c >> /a",
    "touched": "RUN head -c 8000 /dev/urandom > /a\nRUN chmod 600 /a\nRUN chown 7:8 /a",
    "special": "RUN mkfifo /pipe && mknod /null c 1 3 && mknod /disk b 7 0 && chmod 4755 /bin/busybox",
    "names": "RUN d=/$(printf 'x%.0s' $(seq 90))/$(printf 'y%.0s' $(seq 90)) && mkdir -p $d && echo z > $d/z"
    " && touch \"/caf$(printf '\\351')\" '/with space'",
    "holes": "RUN truncate -s 3000000 /zeros && head -c 100 /dev/urandom >> /zeros",
    "many": "RUN mkdir /m && for i in $(seq 800); do echo $i > /m/$i; done",
    "empty": "RUN true\nENV A=1\nWORKDIR /",
}
DOCKERFILE = "\n".join(f"FROM busybox AS {name}\n{steps}" for name, steps in STAGES.items())
SKOPEO = ("skopeo", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false")


def run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def layers_by_tarfile(path: Path) -> dict[str, list[tuple[str, int]]]:
    """For each tag of a saved archive its layers: diff ID, and the bytes of the regular files."""
    found = {}
    with tarfile.open(path) as archive:
        for item in json.load(archive.extractfile("manifest.json")):  # type: ignore[arg-type]
            diff_ids = json.load(archive.extractfile(item["Config"]))["rootfs"]["diff_ids"]  # type: ignore[arg-type]
            sizes = []
            for name in item["Layers"]:
                with tarfile.open(fileobj=archive.extractfile(name)) as layer:
                    sizes.append(sum(member.size for member in layer if member.isreg()))
            (tag,) = item["RepoTags"]
            found[tag] = list(zip(diff_ids, sizes, strict=True))
    return found


@pytest.fixture(scope="module")
def saved(
    overlay2_engine: Any,
    containerd_engine: Any,
    need_images: Callable[..., None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Path, dict[str, list[tuple[str, int]]]]]:
    """Ten images on both engines and in one saved archive, and what `tarfile` counts in that."""
    need_images(overlay2_engine, "busybox")
    folder = tmp_path_factory.mktemp("ten")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    mark = uuid.uuid4().hex[:12]
    tags = [f"weighbridge-count-test-{name}:{mark}" for name in STAGES]
    try:
        for name, tag in zip(STAGES, tags, strict=True):
            done = overlay2_engine.docker("build", "--target", name, "--tag", tag, folder)
            assert done.returncode == 0, done.stderr
        assert overlay2_engine.docker("save", "--output", folder / "all.tar", *tags).returncode == 0
        assert containerd_engine.docker("load", "--input", folder / "all.tar").returncode == 0
        counts = layers_by_tarfile(folder / "all.tar")
        assert sorted(counts) == sorted(tags)
        yield folder / "all.tar", counts
    finally:
        for engine in (overlay2_engine, containerd_engine):
            engine.docker("image", "rm", "--force", *tags)


def assert_counts(
    references: dict[str, str], counts: dict[str, list[tuple[str, int]]], cache: Path, **how: Any
) -> None:
    """`references` by tag give, layer by layer, what `counts` say of the tag."""
    parsed = {tag: parse_image_reference(text) for tag, text in references.items()}
    with LayerReader(cache=LayerCache(cache), **how) as reader:
        images = reader.read(list(parsed.values()), estimate_sizes=False)
    found = {}
    for tag, reference in parsed.items():
        image = images[reference]
        assert isinstance(image, Image), image
        found[tag] = [(layer.diff_id, layer.unpacked_bytes) for layer in image.layers]
    assert found == counts


OTHERS = {
    "skopeo docker-archive": ((), "docker-archive:{folder}/{name}.tar:{tag}"),
    "skopeo oci, gzip": ((), "oci:{folder}/oci:{name}"),
    "skopeo oci, zstd": (("--dest-compress-format=zstd",), "oci:{folder}/oci:{name}"),
    "skopeo oci, uncompressed": (("--dest-oci-accept-uncompressed-layers",), "oci:{folder}/oci:{name}"),
    "skopeo oci-archive": ((), "oci-archive:{folder}/{name}.tar:{name}"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_ten_images_written_by_skopeo_match_tarfile(saved: Any, kind: str, tmp_path: Path) -> None:
    archive, counts = saved
    options, pattern = OTHERS[kind]
    references = {}
    for tag in counts:
        name = tag.partition(":")[0]
        references[tag] = pattern.format(folder=tmp_path, name=name, tag=tag)
        run(*SKOPEO, *options, f"docker-archive:{archive}:{tag}", references[tag])
    assert_counts(references, counts, tmp_path / "cache")


def test_ten_images_saved_by_docker_match_tarfile(saved: Any, containerd_engine: Any, tmp_path: Path) -> None:
    archive, counts = saved
    assert_counts({tag: f"docker-archive:{archive}:{tag}" for tag in counts}, counts, tmp_path / "legacy")
    again = tmp_path / "oci-layout.tar"
    assert containerd_engine.docker("save", "--output", again, *counts).returncode == 0
    assert_counts({tag: f"docker-archive:{again}:{tag}" for tag in counts}, counts, tmp_path / "oci")


@pytest.mark.parametrize("in_place", [True, False], ids=["in place", "docker save"])
def test_ten_images_in_engine_match_tarfile(saved: Any, any_engine: Any, in_place: bool, tmp_path: Path) -> None:
    _, counts = saved
    assert_counts({tag: tag for tag in counts}, counts, tmp_path, engine=lambda: any_engine.client, in_place=in_place)


def test_ten_images_in_registry_match_tarfile(saved: Any, tmp_path: Path) -> None:
    archive, counts = saved
    with running_registry(tmp_path / "registry") as registry:
        address = registry.address
        references = {tag: f"registry:{address}/{tag}" for tag in counts}
        for tag in counts:
            run(*SKOPEO, f"docker-archive:{archive}:{tag}", f"docker://{address}/{tag}")
        assert_counts(references, counts, tmp_path / "cache")


def test_ten_images_pushed_by_buildah_match_tarfile(saved: Any, tmp_path: Path) -> None:
    archive, counts = saved
    store = ("--root", tmp_path / "store", "--runroot", tmp_path / "run", "--storage-driver", "vfs")
    references = {}
    for tag in counts:
        run("buildah", *store, "pull", "--quiet", f"docker-archive:{archive}:{tag}")
        references[tag] = f"oci:{tmp_path}/oci:{tag.partition(':')[0]}"
        run("buildah", *store, "push", "--quiet", f"localhost/{tag}" if "/" not in tag else tag, references[tag])
    found = {}
    with LayerReader(cache=LayerCache(tmp_path / "cache")) as reader:
        for tag, text in references.items():
            reference = parse_image_reference(text)
            image = reader.read([reference])[reference]
            assert isinstance(image, Image), image
            found[tag] = [layer.unpacked_bytes for layer in image.layers]
    # buildah's store writes its layers anew, with other diff IDs: the files are the same.
    assert found == {tag: [size for _, size in layers] for tag, layers in counts.items()}


def test_image_changed_by_umoci_matches_tarfile(saved: Any, tmp_path: Path) -> None:
    archive, counts = saved
    tag = next(iter(counts))
    run(*SKOPEO, f"docker-archive:{archive}:{tag}", f"oci:{tmp_path}/oci:app")
    (tmp_path / "tree/sub").mkdir(parents=True)
    (tmp_path / "tree/sub/file").write_bytes(b"x" * 1234)
    (tmp_path / "tree/sub/link").hardlink_to(tmp_path / "tree/sub/file")
    run("umoci", "insert", "--image", f"{tmp_path}/oci:app", tmp_path / "tree", "/tree")
    run("umoci", "insert", "--image", f"{tmp_path}/oci:app", "--whiteout", "/one")

    def blob(digest: str) -> Path:
        return tmp_path / "oci/blobs" / digest.replace(":", "/")

    index = json.loads((tmp_path / "oci/index.json").read_text())
    manifest = json.loads(blob(index["manifests"][-1]["digest"]).read_text())
    expected = []
    for layer in manifest["layers"]:
        with tarfile.open(blob(layer["digest"])) as content:
            expected.append(sum(member.size for member in content if member.isreg()))
    reference = parse_image_reference(f"oci:{tmp_path}/oci:app")
    with LayerReader(cache=LayerCache(tmp_path / "cache")) as reader:
        image = reader.read([reference])[reference]
    assert isinstance(image, Image), image
    assert [layer.unpacked_bytes for layer in image.layers] == expected
    assert expected[-2:] == [1234, 0]
