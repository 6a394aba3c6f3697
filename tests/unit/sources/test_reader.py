"""Whole images out of archives and layouts, good and bad. What other tools write is read in tests/engine."""

import gzip
import hashlib
import json
import os

import pytest
import zstandard

from weighbridge.domain.image.layer import EntryKind
from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.errors import EngineError, ImageError, UsageError
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.transports import parse_image_reference


def gzipped(content):
    """The same bytes whenever it is called: gzip's header holds the time otherwise."""
    return gzip.compress(content, mtime=0)


def read(reader, text, **how):
    reference = parse_image_reference(text)
    outcome = reader.read([reference], **how)[reference]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def rootfs(reader, text):
    image = read(reader, text)
    changesets = [layer.changeset for layer in image.layers]
    return Rootfs.from_changesets(changesets, reader.contents(parse_image_reference(text)))


@pytest.fixture(
    params=["docker-archive", "docker-archive.gz", "oci", "oci gzip", "oci zstd", "oci-archive", "oci-archive.gz"]
)
def any_source(request, small_image, write_archive, member, tmp_path):
    """The same image in each form."""
    kind = request.param
    if kind.startswith("docker-archive"):
        path = write_archive(small_image.legacy_members(), compress=kind.endswith(".gz"))
        return f"docker-archive:{path}"
    folder = tmp_path / "layout"
    compress, suffix = bytes, ""
    if kind == "oci gzip":
        compress, suffix = gzipped, "+gzip"
    if kind == "oci zstd":
        compress, suffix = zstandard.ZstdCompressor().compress, "+zstd"
    small_image.write_oci(folder, compress=compress, media_type=f"application/vnd.oci.image.layer.v1.tar{suffix}")
    if kind.startswith("oci-archive"):
        names = sorted(path for path in folder.rglob("*") if path.is_file())
        members = [member(str(path.relative_to(folder)), content=path.read_bytes()) for path in names]
        return f"oci-archive:{write_archive(members, compress=kind.endswith('.gz'))}"
    return f"oci:{folder}"


def test_every_source_gives_same_image(reader, any_source, small_image, digest):
    image = read(reader, any_source)
    assert image.image_id == digest(small_image.config_bytes())
    assert [layer.diff_id for layer in image.layers] == [digest(layer) for layer in small_image.layers]
    assert [layer.created_by for layer in image.layers] == ["step 0", "step 1"]
    assert [layer.unpacked_bytes for layer in image.layers] == [22 + 3004, 104]
    assert [(entry.path, entry.kind) for entry in image.layers[1].changeset.entries] == [
        ("app", EntryKind.FILE),
        ("etc/passwd", EntryKind.WHITEOUT),
    ]
    assert (image.config.cmd, dict(image.config.env)) == (("/app",), {"A": "1", "B": "2=3"})
    assert image.download_bytes > 0


def test_every_source_gives_same_files(reader, any_source):
    root = rootfs(reader, any_source)
    app, link = root.lookup("/app"), root.lookup("/link")
    assert root.read(app, limit_bytes=1000) == b"\x7fELF" + b"b" * 100
    assert root.read(link, limit_bytes=10_000) == b"\x7fELF" + b"a" * 3000
    assert root.read_at(link, 3000, 100) == b"aaaa"
    assert not root.exists("/etc/passwd")


def test_known_image_is_not_read_again(any_source, tmp_path, cache):
    with LayerReader(cache=cache) as first:
        image = read(first, any_source)
        content = rootfs(first, any_source).read(rootfs(first, any_source).lookup("/app"), limit_bytes=9)
    progress = []
    with LayerReader(cache=LayerCache(tmp_path / "cache"), progress=progress.append) as second:
        assert read(second, any_source) == image
        assert rootfs(second, any_source).read(rootfs(second, any_source).lookup("/app"), limit_bytes=9) == content
    if not any_source.endswith(".tar") or "gz" not in any_source:
        assert len(progress) <= 1  # a compressed archive has to be gone through for its documents


def test_progress_reports_bytes(small_image, write_archive, cache):
    progress = []
    path = write_archive(small_image.legacy_members())
    with LayerReader(cache=cache, progress=progress.append) as reader:
        read(reader, f"docker-archive:{path}")
    assert progress[-1].done_bytes == progress[-1].total_bytes == sum(map(len, small_image.layers))
    count = len(small_image.layers)
    assert progress[-1].what == f"docker-archive:{path}, layer {count} of {count}"


def test_progress_calls_image_by_its_title(any_source, cache):
    named = []
    reference = parse_image_reference(any_source)
    with LayerReader(cache=cache, progress=lambda reading: named.append(reading.what)) as reader:
        reader.read([reference], titles={reference: "shop head"})
    one_by_one = ["shop head, layer 1 of 2", "shop head, layer 2 of 2"]
    assert list(dict.fromkeys(named)) in (one_by_one, ["shop head"])  # of a compressed archive no layer is known before


@pytest.mark.parametrize("compress", [gzipped, bytes], ids=["gzip", "none"])
@pytest.mark.parametrize("label", ["tar", "tar+gzip"])
def test_download_of_layout_counts_blobs_as_stored(reader, small_image, tmp_path, compress, label):
    media_type = f"application/vnd.oci.image.layer.v1.{label}"
    small_image.write_oci(tmp_path / "o", compress=compress, media_type=media_type)
    image = read(reader, f"oci:{tmp_path / 'o'}")
    assert [layer.download_bytes for layer in image.layers] == [len(compress(one)) for one in small_image.layers]
    assert {layer.compression for layer in image.layers} == {"gzip" if compress is gzipped else "none"}
    assert not image.download_estimated


def test_download_of_uncompressed_saved_archive_is_estimated(reader, small_image, write_archive):
    text = f"docker-archive:{write_archive(small_image.legacy_members())}"
    assert read(reader, text, estimate_sizes=False).download_bytes is None
    estimated = read(reader, text)
    assert estimated.download_estimated
    assert 0 < estimated.download_bytes < sum(map(len, small_image.layers))


def test_download_of_one_layer_in_two_blobs_counts_both(reader, small_image, tmp_path):
    layer = small_image.layers[0]
    small_image.layers[:] = [layer, layer]
    small_image.history = None
    levels = iter([1, 9])
    blobs = []

    def compress(content):
        blobs.append(gzip.compress(content + b"", next(levels), mtime=0))
        return blobs[-1]

    small_image.write_oci(tmp_path / "o", compress=compress)
    assert blobs[0] != blobs[1]
    assert read(reader, f"oci:{tmp_path / 'o'}").download_bytes == len(blobs[0]) + len(blobs[1])


def test_download_of_layer_without_blob_comes_from_other_image(reader, small_image, write_archive, tmp_path):
    small_image.write_oci(tmp_path / "gzip", compress=gzipped)
    archive = write_archive(small_image.legacy_members())
    references = [parse_image_reference(text) for text in (f"oci:{tmp_path / 'gzip'}", f"docker-archive:{archive}")]
    first, second = reader.read(references).values()
    assert [layer.download_bytes for layer in first.layers] == [layer.download_bytes for layer in second.layers]


def test_bad_image_does_not_affect_others(reader, small_image, write_archive, tmp_path):
    good = parse_image_reference(f"docker-archive:{write_archive(small_image.legacy_members())}")
    cut = write_archive(small_image.legacy_members(), name="cut.tar", cut=2000)
    bad = parse_image_reference(f"docker-archive:{cut}")
    missing = parse_image_reference(f"oci:{tmp_path / 'nowhere'}")
    no_engine = parse_image_reference("debian:bookworm")
    outcomes = reader.read([bad, good, missing, no_engine])
    assert outcomes[good].unpacked_bytes == 22 + 3004 + 104
    assert isinstance(outcomes[bad], ImageError)
    assert isinstance(outcomes[missing], ImageError)
    assert isinstance(outcomes[no_engine], EngineError)
    assert str(cut) in str(outcomes[bad])
    assert "truncated" in str(outcomes[bad])


def test_image_without_history_is_read(reader, small_image, tmp_path):
    small_image.history = None
    small_image.write_oci(tmp_path / "o")
    assert [layer.created_by for layer in read(reader, f"oci:{tmp_path / 'o'}").layers] == [None, None]


def test_history_steps_without_layer_are_skipped(reader, small_image, tmp_path):
    small_image.history = [
        {"created_by": "ADD a"},
        {"created_by": "ENV b", "empty_layer": True},
        {"created_by": "COPY c", "empty_layer": False},
        {"created_by": "CMD d", "empty_layer": True},
    ]
    small_image.write_oci(tmp_path / "o")
    assert [layer.created_by for layer in read(reader, f"oci:{tmp_path / 'o'}").layers] == ["ADD a", "COPY c"]


def test_equal_layers_in_one_image_are_read_once_and_listed_twice(reader, small_image, tmp_path):
    small_image.layers = [small_image.layers[0]] * 3
    small_image.write_oci(tmp_path / "o", compress=gzipped)
    image = read(reader, f"oci:{tmp_path / 'o'}")
    assert [layer.unpacked_bytes for layer in image.layers] == [3026] * 3
    assert image.download_bytes == len(gzipped(small_image.layers[0]))


def test_image_without_layers_is_read(reader, small_image, tmp_path):
    small_image.layers = []
    small_image.write_oci(tmp_path / "o")
    image = read(reader, f"oci:{tmp_path / 'o'}")
    assert (image.layers, image.unpacked_bytes, image.download_bytes) == ((), 0, 0)


def test_healthcheck_and_shell_are_read_unchanged(reader, small_image, tmp_path):
    small_image.config = {
        "Entrypoint": [],
        "Shell": ["/bin/ash", "-c"],
        "User": "app",
        "WorkingDir": "/srv",
        "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 30},
        "Volumes": {"/data": {}},
        "Labels": {"a": "b"},
    }
    small_image.write_oci(tmp_path / "o")
    config = read(reader, f"oci:{tmp_path / 'o'}").config
    assert (config.entrypoint, config.cmd, config.shell) == ((), None, ("/bin/ash", "-c"))
    assert (config.user, config.workdir, config.volumes, dict(config.labels)) == ("app", "/srv", ("/data",), {"a": "b"})
    assert config.healthcheck.test == ("CMD-SHELL", "true")


# Several images in one place


@pytest.fixture
def two_images(small_image, layout, tar, member, tmp_path):
    """An index of two platforms with an attestation manifest, nested in another index, as BuildKit writes it."""
    folder = tmp_path / "nested"
    other = layout(layers=[tar([member("arm", content=b"1" * 7)])], architecture="arm64")
    manifests = [
        image.write_oci(folder) | {"platform": {"os": "linux", "architecture": image.architecture}}
        for image in (small_image, other)
    ]
    attestation = manifests[0] | {
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
    }
    inner = json.dumps(
        {"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [attestation, *manifests]}
    ).encode()
    descriptor = {
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "digest": sha256_of(inner),
        "size": len(inner),
        "annotations": {"org.opencontainers.image.ref.name": "v1"},
    }
    small_image.write_oci(folder, index={"manifests": [descriptor]}, extra_blobs=[inner])
    return folder


def sha256_of(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_platform_is_selected_through_nested_indexes(cache, two_images):
    for platform, size in (("linux/amd64", 3130), ("linux/arm64", 7), ("linux/arm64/v8", 7)):
        with LayerReader(cache=cache, platform=platform) as reader:
            assert read(reader, f"oci:{two_images}:v1").unpacked_bytes == size


def test_platform_default_is_this_machine_with_note(reader, two_images, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    image = read(reader, f"oci:{two_images}:v1")
    assert image.config.platform == "linux/arm64"
    assert image.notes == (
        "platform linux/arm64 is weighed, as on this machine; also available: linux/amd64 (--platform)",
    )


def test_platform_default_missing_names_available_ones(reader, two_images, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "s390x")
    message = "no image for linux/s390x; it holds: linux/amd64, linux/arm64. Choose one with --platform"
    with pytest.raises(ImageError, match=message):
        read(reader, f"oci:{two_images}:v1")


def test_history_not_matching_layers_is_dropped_with_one_note(reader, small_image, tmp_path):
    small_image.history = [{"created_by": "one"}]
    small_image.write_oci(tmp_path / "o")
    image = read(reader, f"oci:{tmp_path / 'o'}")
    assert [layer.created_by for layer in image.layers] == [None, None]
    assert image.history == ()
    assert image.notes == ("its history has 1 entries for 2 layers: which instruction made a layer is not known",)


def test_layers_over_engine_limit_are_weighed(reader, tmp_path, tar, member, layout):
    image = layout(layers=[tar([member(f"f{number}", content=b"x" * 10)]) for number in range(200)])
    image.write_oci(tmp_path / "o")
    assert read(reader, f"oci:{tmp_path / 'o'}").unpacked_bytes == 2000


def test_platform_missing_is_refused_with_available_ones(cache, two_images):
    with LayerReader(cache=cache, platform="linux/s390x") as reader, pytest.raises(ImageError, match="linux/amd64"):
        read(reader, f"oci:{two_images}")


def test_tag_missing_is_refused_with_available_ones(reader, two_images, small_image, write_archive):
    with pytest.raises(UsageError, match="holds no v2; it holds: v1"):
        read(reader, f"oci:{two_images}:v2")
    path = write_archive(small_image.legacy_members(tags=("app:1", "app:latest")))
    with pytest.raises(UsageError, match="holds no app:2; it holds: app:1, app:latest"):
        read(reader, f"docker-archive:{path}:app:2")
    assert read(reader, f"docker-archive:{path}:app").unpacked_bytes == 3130


def test_archive_of_several_images_needs_a_name(reader, small_image, layout, tar, member, write_archive):
    other = layout(layers=[tar([member("x", content=b"1" * 7)])])
    members = [*small_image.legacy_members(tags=("a:1",))[:-1], *other.legacy_members(tags=("b:1",))[:-1]]
    items = [
        json.loads(image.legacy_members(tags=(tag,))[-1][1])[0] for image, tag in ((small_image, "a:1"), (other, "b:1"))
    ]
    # In the legacy layout every layer has a folder of its own; here the second image's would be the first one's.
    items[1]["Layers"] = ["other/layer.tar"]
    members[3] = member("other/layer.tar", content=other.layers[0])
    path = write_archive([*members, member("manifest.json", content=json.dumps(items).encode())])
    with pytest.raises(ImageError, match="several images; it holds: a:1, b:1"):
        read(reader, f"docker-archive:{path}")
    assert read(reader, f"docker-archive:{path}:b:1").unpacked_bytes == 7


def test_image_in_archive_is_found_by_its_id(reader, small_image, write_archive, member, digest):
    """bazel's rules name the config by no digest."""
    config, layer = small_image.config_bytes(), small_image.layers
    items = [
        {"Config": "other.json", "RepoTags": ["a:1"], "Layers": []},
        {"Config": "c.json", "RepoTags": None, "Layers": ["0", "1"]},
    ]
    path = write_archive(
        [
            member("other.json", content=b'{"os": "linux"}'),
            member("c.json", content=config),
            member("0", content=layer[0]),
            member("1", content=layer[1]),
            member("manifest.json", content=json.dumps(items).encode()),
        ]
    )
    image_id = digest(config)
    for name in (f"@{image_id}", f":{image_id.partition(':')[2][:12]}"):
        assert read(reader, f"docker-archive:{path}{name}").unpacked_bytes == 3130
    for name in (f"@sha256:{'0' * 64}", ":json"):
        with pytest.raises(UsageError, match=r"it holds: a:1, c\.json"):
            read(reader, f"docker-archive:{path}{name}")


def test_command_that_is_text_is_one_word(reader, small_image, tmp_path):
    small_image.config = {"Cmd": "/app -v", "Entrypoint": ""}
    small_image.write_oci(tmp_path / "o")
    config = read(reader, f"oci:{tmp_path / 'o'}").config
    assert (config.entrypoint, config.cmd) == (("",), ("/app -v",))


def test_layer_linked_to_other_layer_is_followed(reader, small_image, write_archive, member):
    # docker save before 25 wrote equal layers once, and symlinks for the others.
    small_image.layers = [small_image.layers[0]] * 2
    members = small_image.legacy_members()
    name = members[0][0].name
    members[1] = member(members[1][0].name, kind=b"2", link=f"../{name}")
    for compress in (False, True):
        path = write_archive(members, name=f"links{compress}.tar", compress=compress)
        assert read(reader, f"docker-archive:{path}").unpacked_bytes == 2 * 3026


# Bad input


def damaged(folder, small_image, digest):
    place = folder / "blobs/sha256" / digest(small_image.layers[0]).partition(":")[2]
    content = bytearray(place.read_bytes())
    content[1030] ^= 1
    place.write_bytes(content)


def test_layer_with_wrong_digest_is_refused(reader, small_image, tmp_path, digest):
    small_image.write_oci(tmp_path / "o")
    damaged(tmp_path / "o", small_image, digest)
    with pytest.raises(ImageError, match="damaged or replaced"):
        read(reader, f"oci:{tmp_path / 'o'}")


@pytest.mark.parametrize("compress", [False, True])
def test_layer_not_in_config_of_saved_archive_is_refused(reader, small_image, write_archive, tar, member, compress):
    members = small_image.legacy_members()
    other = tar([member("other", content=b"1" * 3)])
    members[0] = (members[0][0], other)
    members[0][0].size = len(other)
    path = write_archive(members, compress=compress)
    with pytest.raises(ImageError, match="damaged or replaced"):
        read(reader, f"docker-archive:{path}")


def test_compressed_blob_with_wrong_digest_is_refused(reader, small_image, tmp_path, digest):
    small_image.write_oci(tmp_path / "o", compress=gzipped)
    place = tmp_path / "o/blobs/sha256" / digest(gzipped(small_image.layers[0])).partition(":")[2]
    # The same content in another compression of the same length: only the blob's own digest can tell.
    recompressed = bytearray(place.read_bytes())
    recompressed[4:8] = b"\1\2\3\4"  # gzip's time stamp
    place.write_bytes(recompressed)
    with pytest.raises(ImageError, match="damaged or replaced"):
        read(reader, f"oci:{tmp_path / 'o'}")


def test_config_with_wrong_digest_is_refused(reader, small_image, tmp_path, digest):
    small_image.write_oci(tmp_path / "o")
    place = tmp_path / "o/blobs/sha256" / digest(small_image.config_bytes()).partition(":")[2]
    place.write_bytes(place.read_bytes().replace(b"/app", b"/bad"))
    with pytest.raises(ImageError, match="another digest"):
        read(reader, f"oci:{tmp_path / 'o'}")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda image: setattr(image, "diff_ids", ["sha256:" + "0" * 64]), "1 diff IDs"),
        (lambda image: setattr(image, "diff_ids", ["md5:1", "md5:2"]), "unsupported digest"),
        (lambda image: setattr(image, "config", {"Cmd": {"not": "a list"}}), "is not valid"),
    ],
)
def test_contradicting_config_is_refused(reader, small_image, tmp_path, spoil, message):
    if message.startswith("1 diff"):
        small_image.history = None
    spoil(small_image)
    small_image.write_oci(tmp_path / "o")
    with pytest.raises(ImageError, match=message):
        read(reader, f"oci:{tmp_path / 'o'}")


@pytest.mark.parametrize(
    ("media_type", "message"),
    [
        ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "encrypted"),
        ("application/vnd.wasm.content.layer.v1+wasm", "a WebAssembly module"),
    ],
)
def test_layers_of_other_image_are_refused(reader, small_image, tmp_path, media_type, message):
    small_image.write_oci(tmp_path / "o", media_type=media_type)
    with pytest.raises(ImageError, match=message):
        read(reader, f"oci:{tmp_path / 'o'}")


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
    ],
)
def test_foreign_layer_is_read_if_stored_and_refused_otherwise(reader, small_image, tmp_path, digest, media_type):
    small_image.write_oci(tmp_path / "o", media_type=media_type)
    assert len(read(reader, f"oci:{tmp_path / 'o'}").layers) == 2
    (tmp_path / "o/blobs/sha256" / digest(small_image.layers[0]).partition(":")[2]).unlink()
    with pytest.raises(ImageError, match="foreign layer"):
        read(LayerReader(cache=LayerCache(tmp_path / "c")), f"oci:{tmp_path / 'o'}")


@pytest.mark.parametrize(
    "media_type",
    ["", "application/octet-stream", "application/x-tar", "application/gzip", "application/tar+gzip",
     "application/vnd.oci.image.LAYER.v1.tar"],
)  # fmt: skip
def test_layer_with_generic_media_type_is_read(reader, small_image, tmp_path, media_type):
    small_image.write_oci(tmp_path / "o", media_type=media_type)
    assert len(read(reader, f"oci:{tmp_path / 'o'}").layers) == 2


def test_null_counts_as_absent_in_every_document(reader, small_image, tmp_path):
    small_image.config |= {"Env": ["A=1", None], "Labels": {"a": None, "b": "1"}, "Healthcheck": None}
    small_image.history = [None, {"created_by": None, "comment": None, "empty_layer": None, "created": None}]
    descriptor = small_image.write_oci(tmp_path / "o")
    nulls = dict.fromkeys(["annotations", "artifactType", "urls"])
    platform = {"architecture": "amd64", "os": "linux", "variant": None, "os.version": None}
    entry = descriptor | nulls | {"platform": platform}
    (tmp_path / "o/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    image = read(reader, f"oci:{tmp_path / 'o'}")
    assert (image.config.labels, [layer.created_by for layer in image.layers]) == ({"b": "1"}, [None, None])


@pytest.mark.parametrize("index", ['{"schemaVersion": 2}', '{"schemaVersion": 2, "manifests": null}'])
def test_index_without_manifests_holds_no_image(reader, small_image, tmp_path, index):
    small_image.write_oci(tmp_path / "o")
    (tmp_path / "o/index.json").write_text(index)
    with pytest.raises(ImageError, match="holds no image"):
        read(reader, f"oci:{tmp_path / 'o'}")


def test_archive_with_layers_null_is_an_image_without_layers(reader, layout, member, write_archive):
    config = layout(layers=[]).config_bytes()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": None, "Layers": None}]).encode()
    path = write_archive([member("config.json", content=config), member("manifest.json", content=manifest)])
    assert read(reader, f"docker-archive:{path}").layers == ()


@pytest.mark.parametrize("asked", ["app", "app:latest", "library/app:latest", "docker.io/library/app:latest"])
def test_saved_image_is_found_by_every_form_of_its_name(reader, small_image, write_archive, asked):
    assert read(reader, f"docker-archive:{write_archive(small_image.legacy_members())}:{asked}").layers


@pytest.mark.parametrize("of_index", [False, True])
def test_folder_of_skopeo_is_read(reader, small_image, tmp_path, of_index):
    blobs, descriptor = small_image.blobs()
    folder = tmp_path / "skopeo"
    folder.mkdir()
    for digest, content in blobs.items():
        (folder / digest.partition(":")[2]).write_bytes(content)
    manifest = folder / descriptor["digest"].partition(":")[2]
    if of_index:
        manifest.rename(f"{manifest}.manifest.json")
        (folder / "manifest.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [descriptor]}))
    else:
        manifest.rename(folder / "manifest.json")
    image = read(reader, f"dir:{folder}")
    assert [layer.download_bytes for layer in image.layers] == [len(layer) for layer in small_image.layers]


@pytest.mark.parametrize("missing", ["layer", "config"])
def test_missing_blob_is_named(reader, small_image, tmp_path, digest, missing):
    small_image.write_oci(tmp_path / "o")
    content = small_image.layers[0] if missing == "layer" else small_image.config_bytes()
    hexadecimal = digest(content).partition(":")[2]
    (tmp_path / "o/blobs/sha256" / hexadecimal).unlink()
    with pytest.raises(ImageError, match=f"{hexadecimal} is missing"):
        read(reader, f"oci:{tmp_path / 'o'}")


def test_truncated_blob_is_refused(reader, small_image, tmp_path, digest):
    small_image.write_oci(tmp_path / "o", compress=gzipped)
    place = tmp_path / "o/blobs/sha256" / digest(gzipped(small_image.layers[0])).partition(":")[2]
    place.write_bytes(place.read_bytes()[:-20])
    with pytest.raises(ImageError, match="bytes, the manifest says"):
        read(reader, f"oci:{tmp_path / 'o'}")


@pytest.mark.parametrize("cut", [700, 5000, 14000])
@pytest.mark.parametrize("compress", [False, True])
def test_truncated_archive_is_refused(reader, small_image, write_archive, cut, compress):
    path = write_archive(small_image.legacy_members(), cut=cut, compress=compress)
    with pytest.raises(ImageError, match=f"{path}.*truncated"):
        read(reader, f"docker-archive:{path}")


def test_file_not_archive_is_refused(reader, tmp_path):
    path = tmp_path / "x.tar"
    path.write_bytes(os.urandom(5000))
    with pytest.raises(ImageError, match="not a tar"):
        read(reader, f"docker-archive:{path}")
    with pytest.raises(ImageError, match="no such file"):
        read(reader, f"docker-archive:{tmp_path / 'nowhere.tar'}")


def test_archive_of_something_else_is_refused(reader, write_archive, member):
    path = write_archive([member("README", content=b"hello")])
    with pytest.raises(ImageError, match=r"no manifest\.json and no index\.json"):
        read(reader, f"docker-archive:{path}")
    with pytest.raises(ImageError, match=r"no index\.json"):
        read(reader, f"oci-archive:{path}")


def test_manifest_without_its_config_is_refused(reader, small_image, write_archive):
    members = [item for item in small_image.legacy_members() if not item[0].name.endswith(("0.json", ".json"))]
    manifest = small_image.legacy_members()[-1]
    path = write_archive([*members, manifest])
    with pytest.raises(ImageError, match="names the config"):
        read(reader, f"docker-archive:{path}")


def test_endlessly_nested_indexes_are_refused(reader, small_image, tmp_path):
    folder = tmp_path / "o"
    descriptor = small_image.write_oci(folder)
    blobs = []
    for _ in range(12):
        content = json.dumps(
            {"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [descriptor]}
        ).encode()
        blobs.append(content)
        descriptor = {
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "digest": sha256_of(content),
            "size": len(content),
        }
    small_image.write_oci(folder, index={"manifests": [descriptor]}, extra_blobs=blobs)
    with pytest.raises(ImageError, match="nest more than"):
        read(reader, f"oci:{folder}")


def test_blob_name_outside_of_folder_is_refused(reader, small_image, tmp_path):
    folder = tmp_path / "o"
    descriptor = small_image.write_oci(folder) | {"digest": "sha256:../../../../etc/passwd"}
    small_image.write_oci(folder, index={"manifests": [descriptor]})
    with pytest.raises(ImageError, match="unsupported digest"):
        read(reader, f"oci:{folder}")


def test_files_of_unread_image_are_refused(reader):
    with pytest.raises(ImageError, match="was not read"):
        reader.contents(parse_image_reference("oci:nowhere"))


def test_platform_invalid_is_refused(cache):
    with pytest.raises(UsageError, match="is not a platform"):
        LayerReader(cache=cache, platform="amd64/")
