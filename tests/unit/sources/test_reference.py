"""References as they are written on the command line."""

import pytest

from weighbridge.errors import UsageError
from weighbridge.sources.from_files import DOCKER_ARCHIVE, OCI, OCI_ARCHIVE, SKOPEO_FOLDER
from weighbridge.sources.reference import (
    TRANSPORT_NAMES,
    ImageReference,
    RegistryName,
    advice_on_missing,
    full_tag,
    split_registry_name,
)
from weighbridge.sources.transports import ENGINE, REGISTRY, TRANSPORTS, parse_image_reference

ID = "a" * 64


@pytest.mark.parametrize(
    ("text", "transport", "place", "name"),
    [
        ("debian", ENGINE, "debian", None),
        ("debian:bookworm", ENGINE, "debian:bookworm", None),
        ("localhost:5000/a/b:1.0", ENGINE, "localhost:5000/a/b:1.0", None),
        (f"debian@sha256:{ID}", ENGINE, f"debian@sha256:{ID}", None),
        (f"sha256:{ID}", ENGINE, f"sha256:{ID}", None),
        ("fc8ab900174a", ENGINE, "fc8ab900174a", None),
        ("docker-daemon:debian:12", ENGINE, "debian:12", None),
        ("docker-archive:/a/b.tar", DOCKER_ARCHIVE, "/a/b.tar", None),
        ("docker-archive:b.tar:app:1", DOCKER_ARCHIVE, "b.tar", "app:1"),
        ("oci:dir", OCI, "dir", None),
        ("oci:dir:tag", OCI, "dir", "tag"),
        ("oci-archive:x.tar:tag", OCI_ARCHIVE, "x.tar", "tag"),
        ("registry:127.0.0.1:5000/app:2", REGISTRY, "127.0.0.1:5000/app:2", None),
        ("docker://quay.io/a/b", REGISTRY, "quay.io/a/b", None),
        (f"registry:quay.io/a/b:1@sha256:{ID}", REGISTRY, f"quay.io/a/b:1@sha256:{ID}", None),
        (f"oci:dir@sha256:{ID}", OCI, "dir", f"sha256:{ID}"),
        (f"oci:dir:tag@sha256:{ID}", OCI, "dir", f"sha256:{ID}"),
        (f"oci-archive:x.tar@sha256:{ID}", OCI_ARCHIVE, "x.tar", f"sha256:{ID}"),
        ("oci:dir:@x", OCI, "dir", "@x"),
        ("dir:a/b:c", SKOPEO_FOLDER, "a/b:c", None),
        ("docker:dind", ENGINE, "docker:dind", None),
        ("registry:2.8.3", ENGINE, "registry:2.8.3", None),
        ("registry:latest", ENGINE, "registry:latest", None),
        ("registry:debian", REGISTRY, "debian", None),
    ],
)
def test_reference_is_split(text, transport, place, name):
    assert parse_image_reference(text) == ImageReference(transport=transport, place=place, name=name)


@pytest.mark.parametrize("transport", ["oci", "oci-archive", "docker-archive"])
def test_reference_to_entry_of_index_has_its_number(transport):
    reference = parse_image_reference(f"{transport}:x:@12")
    assert (reference.place, reference.name, reference.index, reference.entry) == ("x", None, 12, 12)
    assert str(reference) == f"{transport}:x:@12"


@pytest.mark.parametrize("text", [f"oci:dir@sha256:{ID}", "oci:dir:tag", "docker-archive:f.tar:app:1", "debian:12"])
def test_reference_as_text_equals_input(text):
    assert str(parse_image_reference(text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not an image reference"),
        ("containers-storage:app:1", "not supported; podman save or skopeo copy"),
        ("file:/tmp/x.tar", "name the format: docker-archive:FILE"),
        ("dir:", "write dir:DIR"),
        ("OCI:dir", "transports are in lower case: oci:dir"),
        ("out/", "for a folder write oci:out/"),
        ("ghcr.io/a/b@latest", "a tag follows a colon: ghcr.io/a/b:latest"),
        ("debian@sha256:abc", "write sha256: and 64 hexadecimal digits in lower case behind the @"),
        (f"oci:dir@SHA256:{ID}", "unsupported digest. Write sha256:"),
        (f"oci:dir@sha512:{ID}{ID}", "unsupported digest. Write sha256:"),
        ("https://quay.io/a/b:1", "write registry:|name the registry: registry:HOST"),
        ("registry:./image.tar", "docker-archive:./image.tar"),
        ("a b", "not an image reference"),
        ("a\nb", "not an image reference"),
        ("Debian", "lower case"),
        ("./image.tar", "docker-archive:./image.tar"),
        ("oci:", "names no image: write oci:DIR"),
        ("oci::tag", "not complete"),
        ("oci:dir:", "not complete"),
        ("docker-archive:", "write docker-archive:FILE"),
        ("registry:quay.io/UPPER", "repository names are in lower case"),
        ("registry:http://127.0.0.1:5000/app", "DIGEST., without http://"),
        ("docker-daemon:", "write docker-daemon:NAME"),
        ("x" * 600, "not an image reference"),
        ("--option", "not an image reference"),
    ],
)
def test_invalid_reference_is_refused_with_advice(text, message):
    with pytest.raises(UsageError, match=message):
        parse_image_reference(text)


@pytest.mark.parametrize(
    ("text", "host", "repository", "version"),
    [
        ("debian", "registry-1.docker.io", "library/debian", "latest"),
        ("docker.io/debian:12", "registry-1.docker.io", "library/debian", "12"),
        ("user/app", "registry-1.docker.io", "user/app", "latest"),
        ("localhost/app", "localhost", "app", "latest"),
        ("[::1]:5000/app:1", "[::1]:5000", "app", "1"),
        (f"quay.io/a/b:1@sha256:{ID}", "quay.io", "a/b", f"sha256:{ID}"),
    ],
)
def test_registry_name_has_docker_hubs_defaults(text, host, repository, version):
    assert split_registry_name(text) == RegistryName(host=host, repository=repository, version=version)


def test_reference_prints_as_written():
    for text in ("debian:12", "docker-archive:b.tar:app:1", "oci:dir:tag", "registry:127.0.0.1:5000/app:2"):
        assert str(parse_image_reference(text)) == text


def test_names_of_transports_in_hints_are_those_of_the_transports():
    assert sorted(TRANSPORT_NAMES) == sorted(transport.name for transport in TRANSPORTS)


def test_missing_image_named_like_file_or_folder_suggests_transport(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "image.tar").touch()
    assert "docker-archive:image.tar or oci-archive:image.tar" in advice_on_missing("image.tar")
    assert "oci:out" in advice_on_missing("out")


@pytest.mark.parametrize(
    ("reference", "advice"),
    [
        ("docker_archive:x.tar", "Did you mean docker-archive:x.tar?"),
        ("ociarchive:x.tar", "Did you mean oci-archive:x.tar?"),
        ("podman:app", "Is podman: meant as a transport? It is not supported; set DOCKER_HOST to podman's socket"),
        ("debian:12", "Build or pull it first"),
        ("localhost:5000/app:1", "Build or pull it first"),
    ],
)
def test_missing_image_with_misspelt_transport_is_advised(reference, advice):
    assert advice_on_missing(reference).startswith(advice)


def test_name_without_tag_means_latest():
    assert [full_tag(name) for name in ("a", "h:5000/a", "a:1")] == ["a:latest", "h:5000/a:latest", "a:1"]
