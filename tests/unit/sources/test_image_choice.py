"""Which image is meant among several: artifacts left out, then by platform, then by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from weighbridge.errors import ImageError
from weighbridge.sources.image_choice import ImageChoice
from weighbridge.sources.manifest import Descriptor, decode, digest_of
from weighbridge.sources.platforms import parse_platform

OCI = "application/vnd.oci.image."
MANIFEST, INDEX, CONFIG, LAYER = (
    f"{OCI}manifest.v1+json",
    f"{OCI}index.v1+json",
    f"{OCI}config.v1+json",
    f"{OCI}layer.v1.tar+gzip",
)


class Store:
    """Documents in memory; `reads` counts the manifests that were asked for."""

    what = "store"

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}
        self.reads = 0

    def manifest_document(self, descriptor: Descriptor) -> bytes:
        self.reads += 1
        return self.documents[descriptor.digest]

    def config_document(self, descriptor: Descriptor) -> bytes:
        return self.documents[descriptor.digest]

    def put(self, document: dict[str, Any], media_type: str, **more: Any) -> dict[str, Any]:
        content = json.dumps(document).encode()
        digest = digest_of(content)
        self.documents[digest] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content), **more}

    def image(
        self,
        name: str,
        architecture: str = "amd64",
        *,
        layer: str = LAYER,
        config_type: str = CONFIG,
        manifest: dict[str, Any] | None = None,
        **descriptor: Any,
    ) -> dict[str, Any]:
        """An image whose config says `name`; `manifest` are further fields of its manifest."""
        config = self.put({"architecture": architecture, "os": "linux", "name": name}, config_type)
        blob = {"mediaType": layer, "digest": digest_of(f"{name}{layer}".encode()), "size": 1}
        return self.put({"config": config, "layers": [blob], **(manifest or {})}, MANIFEST, **descriptor)

    def index(self, *descriptors: dict[str, Any], **descriptor: Any) -> dict[str, Any]:
        return self.put({"mediaType": INDEX, "manifests": list(descriptors)}, INDEX, **descriptor)

    def choose(self, *descriptors: dict[str, Any], platform: str | None = None) -> tuple[str, tuple[str, ...]]:
        """The name of the image that is chosen, and what is said of the choice."""
        wanted = parse_platform(platform) if platform else None
        choice = ImageChoice(self, wanted, name_of=lambda one: (one.annotations or {}).get("tag", one.digest))
        chosen = choice.choose([decode(json.dumps(one).encode(), Descriptor, "test") for one in descriptors])
        config = json.loads(self.documents[chosen.manifest.config.digest])
        return config["name"], chosen.notes


@pytest.fixture
def store() -> Store:
    return Store()


def platform(text: str) -> dict[str, str]:
    return dict(zip(("os", "architecture", "variant"), f"linux/{text}".split("/"), strict=False))


SUBJECT = {"mediaType": MANIFEST, "digest": f"sha256:{'5' * 64}", "size": 1}
ARTIFACTS: list[tuple[dict[str, Any], str]] = [
    ({"config_type": "application/vnd.cncf.helm.config.v1+json"}, "a Helm chart"),
    ({"config_type": "application/vnd.oci.empty.v1+json", "layer": "application/spdx+json"}, r"an SBOM \(SPDX\)"),
    ({"manifest": {"artifactType": "application/vnd.cyclonedx+json"}}, r"an SBOM \(CycloneDX\)"),
    ({"layer": "application/vnd.dev.cosign.simplesigning.v1+json"}, "a cosign signature"),
    ({"layer": "application/vnd.in-toto+json"}, "an attestation"),
    ({"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}, "an attestation"),
    ({"platform": {"os": "unknown", "architecture": "unknown"}}, "an attestation"),
    ({"artifactType": "application/x.of-ours"}, "an artifact of type 'application/x.of-ours'"),
    ({"config_type": "application/vnd.wasm.config.v0+json"}, "a WebAssembly module"),
    ({"config_type": "application/vnd.buildkit.cacheconfig.v0"}, "a BuildKit cache"),
    ({"config_type": "application/vnd.docker.plugin.v1+json"}, "a plugin of Docker Engine"),
    ({"manifest": {"artifactType": "application/vnd.docker.compose.project"}}, "a Compose project"),
    ({"config_type": "application/vnd.docker.ai.model.config.v0.1+json"}, "an AI model"),
    ({"layer": "application/vnd.oci.image.layer.nydus.blob.v1"}, "an image in Nydus form"),
    ({"mediaType": "application/vnd.oci.artifact.manifest.v1+json"}, "an OCI artifact"),
    (
        {"mediaType": "application/vnd.docker.distribution.manifest.v1+prettyjws"},
        "an image manifest of schema 1, which docker no longer pulls",
    ),
]


@pytest.mark.parametrize(("how", "kind"), ARTIFACTS)
def test_artifact_next_to_image_is_skipped(store: Store, how: dict[str, Any], kind: str) -> None:
    image, artifact = store.image("app", platform=platform("amd64")), store.image("artifact", **how)
    for order in ((image, artifact), (artifact, image), (store.index(image, artifact),)):
        for asked in (None, "linux/amd64"):
            assert store.choose(*order, platform=asked) == ("app", ())
    with pytest.raises(ImageError, match=f"^store is not a container image: {kind}$"):
        store.choose(artifact)


def test_manifest_of_schema_1_without_media_type_is_named(store: Store) -> None:
    old = store.put({"schemaVersion": 1, "fsLayers": [{"blobSum": f"sha256:{'1' * 64}"}], "history": []}, "")
    assert store.choose(old, store.image("app")) == ("app", ())
    with pytest.raises(ImageError, match="not a container image: an image manifest of schema 1"):
        store.choose(old)


def test_image_with_subject_is_used_only_if_single(store: Store) -> None:
    signed = store.image("refers", manifest={"subject": SUBJECT})
    assert store.choose(signed, store.image("app")) == ("app", ())
    assert store.choose(signed) == ("refers", ())


@pytest.mark.parametrize(
    "config_type", ["", "application/octet-stream", "application/vnd.docker.container.image.v1+json"]
)
def test_config_type_of_old_clients_is_image(store: Store, config_type: str) -> None:
    assert store.choose(store.image("app", config_type=config_type)) == ("app", ())


def test_entries_without_platform_are_distinguished_by_config(store: Store) -> None:
    entries = [store.image("one", "arm64"), store.image("two", "amd64")]
    assert store.choose(*entries, platform="linux/amd64") == ("two", ())
    with pytest.raises(ImageError, match="no image for linux/s390x; it holds: linux/amd64, linux/arm64"):
        store.choose(*entries, platform="linux/s390x")


def test_platform_chosen_from_index_reads_only_its_manifest(store: Store) -> None:
    names = ["amd64", "arm64", "s390x", "riscv64"]
    index = store.index(*(store.image(name, name, platform=platform(name)) for name in names))
    assert store.choose(index, platform="linux/s390x") == ("s390x", ())
    assert store.reads == 2


def test_several_tagged_images_of_one_platform_are_ambiguous_by_name(store: Store) -> None:
    tagged = [store.image(name, annotations={"tag": f"tag-{name}"}) for name in ("one", "two")]
    with pytest.raises(ImageError, match=r"several images \(tag-one, tag-two\); name one: its tag, @INDEX or @DIGEST"):
        store.choose(*tagged)
    assert store.choose(store.index(*tagged)) == ("one", ())


def test_one_image_under_two_tags_is_not_ambiguous(store: Store) -> None:
    assert (
        store.choose(store.image("one", annotations={"tag": "a"}), store.image("one", annotations={"tag": "b"}))[0]
        == "one"
    )


def test_image_in_two_compressions_is_chosen_once_by_name(store: Store) -> None:
    both = [
        store.image("one", layer=f"{OCI}layer.v1.tar+{name}", platform=platform("amd64")) for name in ("gzip", "zstd")
    ]
    expected = ("one", ("the image is stored as gzip and as zstd; gzip is weighed",))
    assert store.choose(*both) == expected
    assert store.choose(store.index(*both), platform="linux/amd64") == expected


def test_nested_indexes_are_followed_to_bound(store: Store) -> None:
    descriptor = store.image("app")
    for _ in range(8):
        descriptor = store.index(descriptor)
    assert store.choose(descriptor)[0] == "app"
    with pytest.raises(ImageError, match="nest more than 8 deep"):
        store.choose(store.index(descriptor))


def test_index_with_more_documents_than_are_read_is_refused(store: Store) -> None:
    index = store.index(*(store.image(str(number)) for number in range(1200)))
    with pytest.raises(ImageError, match="more than 1000 manifests"):
        store.choose(index)


def test_index_of_build_cache_is_named_by_its_config(store: Store) -> None:
    layer = {"mediaType": LAYER, "digest": f"sha256:{'6' * 64}", "size": 1}
    config = {"mediaType": "application/vnd.buildkit.cacheconfig.v0", "digest": f"sha256:{'7' * 64}", "size": 1}
    with pytest.raises(ImageError, match="not a container image: a BuildKit cache"):
        store.choose(store.index(layer, config))


@pytest.mark.parametrize("nothing", [{}, {"os": "", "architecture": ""}])
def test_platform_that_names_no_architecture_is_that_of_the_config(store: Store, nothing: dict[str, str]) -> None:
    entries = store.image("one", platform=nothing), store.image("two", "arm64", platform=platform("arm64"))
    assert store.choose(*entries, platform="linux/amd64") == ("one", ())


def windows(store: Store, *versions: str) -> dict[str, Any]:
    """An index of Windows images for these versions; each image has its version as its name."""
    platforms = [{"os": "windows", "architecture": "amd64", "os.version": version} for version in versions]
    return store.index(*(store.image(one["os.version"], platform=one) for one in platforms))


def test_windows_version_default_is_the_first_with_note(store: Store) -> None:
    name, notes = store.choose(windows(store, "10.0.17763.1", "10.0.20348.1"), platform="windows/amd64")
    assert name == "10.0.17763.1"
    assert notes == (
        "the image for windows(10.0.17763.1)/amd64 is weighed; also available for: 10.0.20348.1 "
        "(--platform 'windows(VERSION)/amd64')",
    )


@pytest.mark.parametrize("asked", ["10.0.20348", "10.0.20348.1"])
def test_windows_version_requested_is_chosen(store: Store, asked: str) -> None:
    index = windows(store, "10.0.17763.1", "10.0.20348.1")
    assert store.choose(index, platform=f"windows({asked})/amd64") == ("10.0.20348.1", ())


def test_windows_version_missing_is_refused_with_available_ones(store: Store) -> None:
    with pytest.raises(ImageError, match=r"no image for windows\(10.0.2\)/amd64; versions: 10.0.17763.1"):
        store.choose(windows(store, "10.0.17763.1"), platform="windows(10.0.2)/amd64")


def test_index_without_entries_holds_no_image(store: Store) -> None:
    with pytest.raises(ImageError, match="store holds no image"):
        store.choose(store.index())
