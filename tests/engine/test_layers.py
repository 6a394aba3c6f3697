"""One image through every source: the same layers, entry by entry, digest by digest, and the same files.

The sources are written by other tools: docker 20.10 and 26 in both stores, BuildKit, skopeo, umoci, buildah, and a real
docker-registry on loopback.
"""

import json
import shutil
import subprocess
import sys
import tarfile
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from loopback import running_registry
from rotation import part_of_today

from weighbridge.domain.image.efficiency import dive_efficiency
from weighbridge.domain.image.layer import EntryKind
from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.errors import EngineError, ImageError, RegistryError
from weighbridge.sources.engine_storage import OverlayStorage
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.tar import CHUNK_BYTES
from weighbridge.sources.transports import parse_image_reference

DOCKERFILE = r"""
FROM busybox
RUN mkdir -p /data/deep /data/gone /data/replaced && echo one > /data/deep/one && echo two > /data/gone/two \
 && head -c 300000 /dev/urandom > /data/random && ln /data/random /data/hard && ln -s ../data/deep/one /data/soft \
 && mkfifo /data/pipe && chmod 4755 /data/deep/one && chown 12:34 /data/soft -h && touch "/data/caf$(printf '\351')" \
 && touch "/data/$(printf 'x%.0s' $(seq 1 200))" && truncate -s 5000000 /data/zeros && echo a > /data/replaced/a
RUN rm -r /data/gone && rm -r /data/replaced && mkdir /data/replaced && echo b > /data/replaced/b \
 && chmod 600 /data/random && mv /data/deep /data/moved
ENV A=1
COPY context.txt /context.txt
WORKDIR /data
RUN true
CMD ["/bin/sh"]
"""
PATHS = ("/bin/sh", "/data/moved/one", "/data/hard", "/context.txt", "/data/replaced/b", "/data/zeros")


@pytest.fixture(scope="module")
def built(overlay2_engine, containerd_engine, need_images, tmp_path_factory):
    """The image, built on the overlay2 engine and loaded into the other one: its name, there and here."""
    context = tmp_path_factory.mktemp("context")
    (context / "Dockerfile").write_text(DOCKERFILE)
    (context / "context.txt").write_text("from the context\n")
    need_images(overlay2_engine, "busybox")
    name = f"weighbridge-layers-test:{uuid.uuid4().hex[:12]}"
    done = overlay2_engine.docker("build", "--tag", name, context)
    assert done.returncode == 0, done.stderr
    archive = context / "saved.tar"
    assert overlay2_engine.docker("save", "--output", archive, name).returncode == 0
    assert containerd_engine.docker("load", "--input", archive).returncode == 0
    yield name
    for engine in (overlay2_engine, containerd_engine):
        engine.docker("image", "rm", "--force", name)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A real docker-registry on loopback: its address."""
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running.address


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sources(built, overlay2_engine, containerd_engine, registry, tmp_path_factory):
    """The image in every form: a reference, and the engine's client where it needs one."""
    folder = tmp_path_factory.mktemp("sources")
    found = {}
    for engine, layout in ((overlay2_engine, "legacy"), (containerd_engine, "oci")):
        path = folder / f"{engine.store}.tar"
        assert engine.docker("save", "--output", path, built).returncode == 0
        found[f"docker save, {layout} layout"] = (f"docker-archive:{path}", None, True)
        found[f"engine, {engine.store} store, docker save"] = (built, engine.client, False)
        found[f"engine, {engine.store} store, in place"] = (built, engine.client, True)
    saved = f"docker-archive:{folder / 'overlay2.tar'}:{built}"
    run("gzip", "-1", "--keep", folder / "overlay2.tar")
    found["docker save, gzip"] = (f"docker-archive:{folder / 'overlay2.tar.gz'}", None, True)
    skopeo = ("skopeo", "copy", "--quiet", "--dest-tls-verify=false")
    run(*skopeo, saved, f"oci:{folder}/oci:tag")
    found["skopeo oci, gzip"] = (f"oci:{folder}/oci:tag", None, True)
    run(*skopeo, "--dest-compress-format=zstd", saved, f"oci:{folder}/zstd:tag")
    found["skopeo oci, zstd"] = (f"oci:{folder}/zstd:tag", None, True)
    run(*skopeo, "--dest-oci-accept-uncompressed-layers", saved, f"oci:{folder}/plain:tag")
    found["skopeo oci, uncompressed"] = (f"oci:{folder}/plain:tag", None, True)
    run(*skopeo, saved, f"oci-archive:{folder}/archive.tar:tag")
    found["skopeo oci-archive"] = (f"oci-archive:{folder}/archive.tar:tag", None, True)
    run(*skopeo, saved, f"docker-archive:{folder}/skopeo.tar:app:1")
    found["skopeo docker-archive"] = (f"docker-archive:{folder}/skopeo.tar:app:1", None, True)
    run(*skopeo, saved, f"docker://{registry}/app:1")
    found["registry"] = (f"registry:{registry}/app:1", None, True)
    shutil.copytree(folder / "oci", folder / "umoci")
    run("umoci", "tag", "--image", f"{folder}/umoci:tag", "again")
    run("umoci", "gc", "--layout", folder / "umoci")
    found["umoci oci"] = (f"oci:{folder}/umoci:again", None, True)
    return found


def read(source, cache):
    text, client, in_place = source
    reference = parse_image_reference(text)
    progress = []
    with LayerReader(
        cache=LayerCache(cache),
        engine=None if client is None else lambda: client,
        in_place=in_place,
        progress=progress.append,
    ) as it:
        image = it.read([reference], estimate_sizes=False)[reference]
        if client is not None:
            assert any("docker save" in event.what for event in progress) is not in_place
        assert not isinstance(image, Exception), image
        root = Rootfs.from_changesets([layer.changeset for layer in image.layers], it.contents(reference))
        contents = {path: root.read(root.lookup(path), limit_bytes=10_000_000) for path in PATHS}
        layers = tuple(replace(layer, changeset=hashed(layer.changeset)) for layer in image.layers)
    return replace(image, layers=layers), contents


def hashed(changeset):
    """`changeset` with all its digests, which in place are made when they are asked for."""
    entries = tuple(replace(entry, content_digest=changeset.digest(entry)) for entry in changeset.entries)
    assert all(entry.content_digest for entry in entries if entry.kind is EntryKind.FILE)
    return replace(changeset, entries=entries)


@pytest.fixture(scope="module")
def truth(sources, tmp_path_factory):
    """What the legacy archive gives, which the test below counts independently."""
    return read(sources["docker save, legacy layout"], tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize(
    "name",
    [
        "docker save, oci layout",
        "docker save, gzip",
        "engine, overlay2 store, docker save",
        "engine, overlay2 store, in place",
        "engine, containerd store, docker save",
        "engine, containerd store, in place",
        "skopeo oci, gzip",
        "skopeo oci, zstd",
        "skopeo oci, uncompressed",
        "skopeo oci-archive",
        "skopeo docker-archive",
        "registry",
        "umoci oci",
    ],
)
def test_every_source_gives_same_layers_and_files(sources, truth, name, tmp_path):
    image, contents = read(sources[name], tmp_path)
    expected, expected_contents = truth
    assert [layer.diff_id for layer in image.layers] == [layer.diff_id for layer in expected.layers]
    for ours, theirs in zip(image.layers, expected.layers, strict=True):
        assert ours.changeset == theirs.changeset
        assert ours.created_by == theirs.created_by
    assert image.config == expected.config
    assert contents == expected_contents
    assert contents["/context.txt"] == b"from the context\n"
    assert contents["/data/zeros"] == bytes(5_000_000)


def test_layers_have_dockerfile_instructions(truth):
    image, _ = truth
    assert [(layer.created_by or "").split()[0] for layer in image.layers[1:]] == [
        "RUN",
        "RUN",
        "COPY",
        "WORKDIR",
        "RUN",
    ]
    first, second = image.layers[1].changeset, image.layers[2].changeset
    by_path = {entry.path: entry for entry in first.entries}
    assert by_path["data/deep/one"].mode == 0o4755
    assert (by_path["data/soft"].uid, by_path["data/soft"].gid, by_path["data/soft"].link_target) == (
        12,
        34,
        "../data/deep/one",
    )
    assert by_path["data/pipe"].kind is EntryKind.FIFO
    assert "data/caf\udce9" in by_path
    kinds = {by_path[name].kind for name in ("data/random", "data/hard")}
    assert kinds == {EntryKind.FILE, EntryKind.HARD_LINK}
    removed = {
        (entry.path, entry.kind) for entry in second.entries if entry.kind in (EntryKind.WHITEOUT, EntryKind.OPAQUE)
    }
    assert {("data/gone", EntryKind.WHITEOUT), ("data/deep", EntryKind.WHITEOUT)} <= removed
    assert ("data/replaced", EntryKind.OPAQUE) in removed or ("data/replaced/a", EntryKind.WHITEOUT) in removed
    assert image.layers[-1].unpacked_bytes == 0


IMAGES = ("alpine", "debian:bullseye", "debian:bookworm")
MORE_IMAGES = ("python:3", "debian:trixie", "gcc", "golang", "node:20")
"""One of them each day, on the overlay2 store only: ``docker save`` of all takes a minute."""


def counted(path):
    """Bytes of regular files by diff ID, with the standard library only."""
    sums = {}
    with tarfile.open(path) as archive:
        items = json.load(archive.extractfile("manifest.json"))
        for item in items:
            diff_ids = json.load(archive.extractfile(item["Config"]))["rootfs"]["diff_ids"]
            for diff_id, layer in zip(diff_ids, item["Layers"], strict=True):
                if diff_id not in sums:
                    with tarfile.open(fileobj=archive.extractfile(layer)) as tar:
                        sums[diff_id] = sum(member.size for member in tar if member.isreg())
    return sums


def test_sizes_of_images_equal_independent_count(any_engine, need_images, tmp_path):
    names = IMAGES
    if any_engine.store == "overlay2":
        day = part_of_today("WEIGHBRIDGE_IMAGES")
        print(f"WEIGHBRIDGE_IMAGES={'all' if day is None else day}")
        names += MORE_IMAGES if day is None else (MORE_IMAGES[day % len(MORE_IMAGES)],)
    need_images(any_engine, *names)
    assert any_engine.docker("save", "--output", tmp_path / "all.tar", *names).returncode == 0
    expected = counted(tmp_path / "all.tar")
    assert sizes_read(any_engine, names, tmp_path / "in place", in_place=True) == expected
    saved = sizes_read(any_engine, IMAGES, tmp_path / "saved", in_place=False)
    assert saved == {diff_id: expected[diff_id] for diff_id in saved}


def sizes_read(engine, names, cache, *, in_place):
    """Unpacked bytes by diff ID."""
    references = [parse_image_reference(name) for name in names]
    with LayerReader(cache=LayerCache(cache), engine=lambda: engine.client, in_place=in_place) as reader:
        images = reader.read(references, estimate_sizes=False)
    return {layer.diff_id: layer.unpacked_bytes for image in images.values() for layer in image.layers}


WASTEFUL = """FROM busybox
RUN mkdir /d && for i in 1 2 3 4 5 6 7 8; do head -c 10000 /dev/urandom > /d/$i; done
RUN head -c 20000 /dev/urandom > /d/1 && rm /d/2
RUN chmod 600 /d/3 && ln -s /d/4 /d/link
RUN rm -r /d && mkdir /d && head -c 3000 /dev/urandom > /d/4
"""


def test_efficiency_is_score_of_dive_on_five_images(overlay2_engine, need_images, tmp_path):
    names = ["alpine", "busybox:glibc", "debian:bookworm", "python:3", "weighbridge-test-dive"]
    need_images(overlay2_engine, "busybox", *names[:-1])
    (tmp_path / "context").mkdir()
    (tmp_path / "context/Dockerfile").write_text(WASTEFUL)
    try:
        assert overlay2_engine.docker("build", "--tag", names[-1], tmp_path / "context").returncode == 0
        references = [parse_image_reference(name) for name in names]
        cache = LayerCache(tmp_path / "cache")
        with LayerReader(cache=cache, engine=lambda: overlay2_engine.client, in_place=True) as reader:
            images = reader.read(references, estimate_sizes=False)
        ours = {str(one): dive_efficiency([layer.changeset for layer in images[one].layers]) for one in references}
        for name in names:
            # dive writes over an older file without cutting it, so each image has its own.
            found = tmp_path / f"{name.replace(':', '-')}.json"
            command = [Path(sys.executable).with_name("dive"), name, "--json", found]
            done = subprocess.run(command, env=overlay2_engine.environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            score = json.loads(found.read_text())["image"]["efficiencyScore"]
            assert round(ours[name], 4) == round(score, 4), name
        assert ours[names[-1]] < 0.99
    finally:
        overlay2_engine.docker("image", "rm", "--force", names[-1])


def test_layer_built_on_overlay2_has_size_of_docker_history(overlay2_engine, built, truth):
    lines = overlay2_engine.docker("history", "--no-trunc", "--human=false", "--format", "{{json .}}", built).stdout
    sizes = [int(json.loads(line)["Size"]) for line in reversed(lines.splitlines())]
    ours = [layer.unpacked_bytes for layer in truth[0].layers]
    assert [size for size in sizes if size] == [size for size in ours if size]


def test_images_with_shared_layers_are_saved_together(overlay2_engine, need_images, tmp_path):
    need_images(overlay2_engine, "debian:bookworm", "python:3")
    progress = []
    references = [parse_image_reference(name) for name in ("debian:bookworm", "python:3")]
    with LayerReader(
        cache=LayerCache(tmp_path), engine=lambda: overlay2_engine.client, in_place=False, progress=progress.append
    ) as reader:
        both = reader.read(references, estimate_sizes=False)
    assert {event.what for event in progress} == {"debian:bookworm, python:3 (docker save)"}
    assert progress[-1].done_bytes < 1.2 * both[references[1]].unpacked_bytes


def test_cached_image_needs_no_save_and_no_container(any_engine, built, truth, tmp_path):
    image, contents = read((built, any_engine.client, False), tmp_path)
    progress = []
    reference = parse_image_reference(built)
    with LayerReader(
        cache=LayerCache(tmp_path), engine=lambda: any_engine.client, in_place=False, progress=progress.append
    ) as reader:
        again = reader.read([reference], estimate_sizes=False)[reference]
        root = Rootfs.from_changesets([layer.changeset for layer in again.layers], reader.contents(reference))
        assert root.read(root.lookup("/bin/sh"), limit_bytes=10_000_000) == contents["/bin/sh"]
        assert containers(any_engine, built) == []
    assert progress == []
    assert again == image


def containers(engine, name):
    """The containers made to read this image, which is this module's own: others may be read at the same time."""
    image_id = engine.client.api.inspect_image(name)["Id"]
    return engine.client.api.containers(all=True, filters={"label": f"io.weighbridge.reads={image_id}"})


def test_container_for_reading_files_is_removed(any_engine, built, tmp_path):
    read((built, any_engine.client, False), tmp_path)
    assert containers(any_engine, built) == []


def test_image_missing_in_engine_does_not_affect_others(any_engine, built, tmp_path):
    references = [parse_image_reference(name) for name in ("weighbridge-no-such:image", built)]
    with LayerReader(cache=LayerCache(tmp_path), engine=lambda: any_engine.client) as reader:
        missing, there = reader.read(references, estimate_sizes=False).values()
    assert isinstance(missing, EngineError)
    assert "no such image in the engine" in str(missing)
    assert there.unpacked_bytes > 0


def test_layer_with_files_changed_in_storage_is_refused(overlay2_engine, truth, tmp_path):
    # A copy of the storage, in which one file is a symlink to another place: it is not followed.
    image, _ = truth
    root = Path(overlay2_engine.client.info()["DockerRootDir"])
    storage = OverlayStorage(root)
    stored = storage.image(overlay2_engine.client.api.inspect_image(image.image_id)["Id"])
    copied = tmp_path / "diff"
    shutil.copytree(storage.folder(stored.names[3]), copied)
    (copied / "context.txt").unlink()
    (copied / "context.txt").symlink_to("/etc/hostname")
    database = stored.names[3].partition("\0")[0]
    layer = f"{database}\0{copied}"
    with pytest.raises(ImageError, match="cannot be read"):
        list(storage.cursor(layer).chunks())


def test_large_file_is_read_in_place_in_small_chunks(overlay2_engine, truth):
    image, _ = truth
    storage = OverlayStorage(Path(overlay2_engine.client.info()["DockerRootDir"]))
    stored = storage.image(overlay2_engine.client.api.inspect_image(image.image_id)["Id"])
    sizes = [len(chunk) for chunk in storage.cursor(stored.names[1]).chunks()]
    assert sum(sizes) > 5_000_000
    assert max(sizes) <= 2 * CHUNK_BYTES


def test_oci_folder_of_buildkit_shares_blobs_of_two_builds(containerd_engine, need_images, tmp_path):
    need_images(containerd_engine, "busybox")
    context = tmp_path / "context"
    context.mkdir()
    folder = tmp_path / "out"
    sizes = []
    for text in ("one\n", "two, longer\n"):
        (context / "file").write_text(text)
        (context / "Dockerfile").write_text("FROM busybox\nCOPY file /\n")
        done = containerd_engine.docker(
            "buildx",
            "build",
            "--provenance=true",
            f"--output=type=oci,dest={folder},tar=false,compression=uncompressed,name=app:{len(text)}",
            context,
        )
        assert done.returncode == 0, done.stderr
        reference = parse_image_reference(f"oci:{folder}:app:{len(text)}")
        with LayerReader(cache=LayerCache(tmp_path / "cache")) as reader:
            image = reader.read([reference])[reference]
        assert not isinstance(image, Exception), image
        sizes.append(image.layers[-1].unpacked_bytes)
        assert image.layers[-1].created_by.startswith("COPY file /")
    assert sizes == [4, 12]


def test_buildah_and_umoci_images_are_read(tmp_path):
    store = ("--root", tmp_path / "store", "--runroot", tmp_path / "run", "--storage-driver", "vfs")
    (tmp_path / "file").write_text("by buildah")
    container = run("buildah", *store, "from", "scratch").strip()
    run("buildah", *store, "copy", container, tmp_path / "file", "/folder/file")
    run("buildah", *store, "config", "--cmd", "/folder/file", container)
    run("buildah", *store, "commit", "--quiet", container, f"oci:{tmp_path}/buildah:app")
    run("umoci", "init", "--layout", tmp_path / "umoci")
    run("umoci", "new", "--image", f"{tmp_path}/umoci:app")
    run("umoci", "insert", "--image", f"{tmp_path}/umoci:app", tmp_path / "file", "/folder/file")
    references = [parse_image_reference(f"oci:{tmp_path}/{name}:app") for name in ("buildah", "umoci")]
    with LayerReader(cache=LayerCache(tmp_path / "cache")) as reader:
        for reference, image in reader.read(references).items():
            assert not isinstance(image, Exception), image
            root = Rootfs.from_changesets([layer.changeset for layer in image.layers], reader.contents(reference))
            assert root.read(root.lookup("/folder/file"), limit_bytes=100) == b"by buildah"
            assert image.unpacked_bytes == 10
            assert image.download_bytes > 0


# Registries


def test_image_missing_in_registry_raises_error(registry, sources, tmp_path):
    reference = parse_image_reference(f"registry:{registry}/app:nowhere")
    with LayerReader(cache=LayerCache(tmp_path)) as reader:
        error = reader.read([reference])[reference]
    assert isinstance(error, RegistryError)
    assert "no such image (HTTP 404" in str(error)


def test_layers_of_base_image_in_overlay2_have_sizes_of_registry(sources, registry, overlay2_engine, tmp_path):
    pushed, built = (
        parse_image_reference(sources[name][0]) for name in ("registry", "engine, overlay2 store, in place")
    )
    with LayerReader(cache=LayerCache(tmp_path / "a")) as reader:
        in_registry = reader.read([pushed])[pushed]
    with LayerReader(cache=LayerCache(tmp_path / "b"), engine=lambda: overlay2_engine.client) as reader:
        in_engine = reader.read([built], base_images={built: f"{registry}/app:1"})[built]
    assert [layer.download_bytes for layer in in_engine.layers] == [
        layer.download_bytes for layer in in_registry.layers
    ]
    assert not any(layer.download_estimated for layer in in_engine.layers)


def test_registry_with_basic_authentication_uses_docker_credentials(sources, tmp_path, monkeypatch):
    # "secret", as bcrypt has it.
    (tmp_path / "htpasswd").write_text("me:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n")
    settings = f"auth: {{htpasswd: {{realm: test, path: {tmp_path}/htpasswd}}}}\n"
    docker_config = tmp_path / "docker"
    docker_config.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(docker_config))
    with (
        running_registry(tmp_path / "registry", settings=settings) as registry,
        LayerReader(cache=LayerCache(tmp_path / "cache")) as reader,
    ):
        address = registry.address
        reference = parse_image_reference(f"registry:{address}/app:1")
        run(
            "skopeo",
            "copy",
            "--quiet",
            "--dest-tls-verify=false",
            "--dest-creds=me:secret",
            sources["skopeo docker-archive"][0],
            f"docker://{address}/app:1",
        )
        refused = reader.read([reference])[reference]
        assert isinstance(refused, RegistryError)
        assert f"docker login {address}" in str(refused)
        run(
            "skopeo",
            "login",
            "--tls-verify=false",
            "--authfile",
            docker_config / "config.json",
            "-u",
            "me",
            "-p",
            "secret",
            address,
        )
        image = reader.read([reference])[reference]
        assert not isinstance(image, Exception), image
        assert image.unpacked_bytes > 0
