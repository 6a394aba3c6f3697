"""Images that cannot be read, given to the command line: the exit code, and a message with the file and the reason."""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weighbridge.cli.main import run
from weighbridge.errors import ExitCode
from weighbridge.sources.manifest import digest_of

Case = Callable[..., str]
CASES: dict[str, tuple[Case, str]] = {}


def case(message: str) -> Callable[[Case], Case]:
    """Declares a bad image: a function that writes it below `folder` and gives its reference; what is said of it."""

    def declare(function: Case) -> Case:
        CASES[function.__name__.replace("_", " ")] = (function, message)
        return function

    return declare


def blob(folder: Path, digest: str) -> Path:
    return folder / "blobs/sha256" / digest.partition(":")[2]


@case("{path}: the tar is truncated: it ends at byte 14000")
def truncated_archive(folder: Path, image: Any, write_archive: Any, **_: Any) -> str:
    return f"docker-archive:{write_archive(image.legacy_members(), cut=14000)}"


@case("{path}: the gzip stream is truncated")
def truncated_compressed_archive(folder: Path, image: Any, write_archive: Any, **_: Any) -> str:
    path: Path = write_archive(image.legacy_members(), compress=True)
    path.write_bytes(path.read_bytes()[:-40])
    return f"docker-archive:{path}"


@case("{path}: not a tar, or a damaged one")
def corrupt_archive(folder: Path, image: Any, write_archive: Any, **_: Any) -> str:
    path: Path = write_archive(image.legacy_members())
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    return f"docker-archive:{path}"


@case("{path}: not a tar, or a damaged one")
def no_archive_at_all(folder: Path, **_: Any) -> str:
    path = folder / "image.tar"
    path.write_bytes(os.urandom(5000))
    return f"docker-archive:{path}"


@case("{path}: there is no such file")
def no_file(folder: Path, **_: Any) -> str:
    return f"docker-archive:{folder / 'image.tar'}"


@case("{path}: there is no such folder")
def no_folder(folder: Path, **_: Any) -> str:
    return f"oci:{folder / 'nowhere'}"


@case("{path}: no index.json; this is a docker archive: docker-archive:{path}")
def docker_archive_called_oci(folder: Path, image: Any, write_archive: Any, **_: Any) -> str:
    return f"oci-archive:{write_archive(image.legacy_members())}"


@case("{path}: no manifest.json and no index.json; this is not a saved image")
def other_archive(folder: Path, write_archive: Any, member: Any, **_: Any) -> str:
    return f"docker-archive:{write_archive([member('README', content=b'hello')])}"


@case("which is missing")
def manifest_without_config(folder: Path, image: Any, write_archive: Any, **_: Any) -> str:
    members = image.legacy_members()
    without = [item for item in members if not item[0].name.endswith(".json")]
    return f"docker-archive:{write_archive(without + members[-1:])}"


@case("1 diff IDs")
def too_few_diff_ids(folder: Path, image: Any, **_: Any) -> str:
    image.history, image.diff_ids = None, ["sha256:" + "0" * 64]
    image.write_oci(folder / "image")
    return f"oci:{folder / 'image'}"


@case("the layer was damaged or replaced")
def layer_with_a_wrong_digest(folder: Path, image: Any, digest: Any, **_: Any) -> str:
    image.write_oci(folder / "image")
    place = blob(folder / "image", digest(image.layers[0]))
    content = bytearray(place.read_bytes())
    content[1030] ^= 1
    place.write_bytes(content)
    return f"oci:{folder / 'image'}"


@case("the layer was damaged or replaced")
def layer_that_is_not_the_configs(folder: Path, image: Any, **_: Any) -> str:
    image.diff_ids = ["sha256:" + "1" * 64, "sha256:" + "2" * 64]
    image.write_oci(folder / "image", compress=gzip.compress)
    return f"oci:{folder / 'image'}"


@case("bytes, the manifest says")
def truncated_layer(folder: Path, image: Any, digest: Any, **_: Any) -> str:
    image.write_oci(folder / "image", compress=gzip.compress)
    place = blob(folder / "image", digest(gzip.compress(image.layers[0])))
    place.write_bytes(place.read_bytes()[:-20])
    return f"oci:{folder / 'image'}"


@case("is not a container image: a WebAssembly module")
def layer_of_an_unknown_media_type(folder: Path, image: Any, **_: Any) -> str:
    image.write_oci(folder / "image", media_type="application/vnd.wasm.content.layer.v1+wasm")
    return f"oci:{folder / 'image'}"


@case("is not a container image: an artifact of type 'application/vnd.unheard.of+json'")
def manifest_of_an_unknown_media_type(folder: Path, image: Any, **_: Any) -> str:
    descriptor = image.write_oci(folder / "image")
    index = {"manifests": [descriptor | {"mediaType": "application/vnd.unheard.of+json"}]}
    image.write_oci(folder / "image", index=index)
    return f"oci:{folder / 'image'}"


@case("foreign layer")
def foreign_layer(folder: Path, image: Any, **_: Any) -> str:
    image.write_oci(folder / "image", media_type="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
    blob(folder / "image", digest_of(image.layers[0])).unlink()
    return f"oci:{folder / 'image'}"


@case("{path} is a zip file. Unpack it")
def zipped_archive(folder: Path, **_: Any) -> str:
    path = folder / "image.tar"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("manifest.json", "[]")
    return f"docker-archive:{path}"


@case("no manifest.json; this is no folder of skopeo (dir:). An OCI layout is oci:")
def layout_named_as_folder_of_skopeo(folder: Path, image: Any, **_: Any) -> str:
    image.write_oci(folder / "image")
    return f"dir:{folder / 'image'}"


@case("no index.json; for a folder of skopeo write dir:")
def folder_of_skopeo_named_as_layout(folder: Path, **_: Any) -> str:
    (folder / "image").mkdir()
    (folder / "image/manifest.json").write_text("{}")
    return f"oci:{folder / 'image'}"


@case("there is no such folder. Write the path without //: oci:nowhere-at-all")
def layout_with_slashes_of_url(**_: Any) -> str:
    return "oci://nowhere-at-all"


@case("there is no such folder. Write an entry of an index as oci:nowhere-at-all:@0")
def index_without_colon(**_: Any) -> str:
    return "oci:nowhere-at-all@0"


@case("{path}: index.json is not valid")
def index_that_is_no_json(folder: Path, image: Any, **_: Any) -> str:
    image.write_oci(folder / "image")
    (folder / "image/index.json").write_text("{")
    return f"oci:{folder / 'image'}"


@pytest.fixture
def bad(
    tmp_path: Path, small_image: Any, write_archive: Any, member: Any, digest: Any, request: pytest.FixtureRequest
) -> tuple[str, str]:
    """A reference to the bad image, and the expected message."""
    function, message = CASES[request.param]
    reference = function(folder=tmp_path, image=small_image, write_archive=write_archive, member=member, digest=digest)
    return reference, message.format(path=reference.partition(":")[2])


@pytest.mark.parametrize("command", ["inspect", "compare"])
@pytest.mark.parametrize("bad", CASES, indirect=True)
def test_bad_image_is_exit_code_5_with_file_and_reason(
    bad: tuple[str, str],
    command: str,
    layout: Any,
    tar: Any,
    member: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reference, message = bad
    layout(layers=[tar([member("other", content=b"1")])]).write_oci(tmp_path / "good")
    images = [reference] if command == "inspect" else [f"oci:{tmp_path / 'good'}", reference]
    code = run([command, *images, "--format", "json", "--cache-dir", str(tmp_path / "the-cache")])
    out, err = capsys.readouterr()
    assert code is ExitCode.UNREADABLE_IMAGE, err
    assert out == ""
    line = err.strip().splitlines()[-1]
    assert line.startswith("error: ")
    assert message in line
    assert reference.partition(":")[2] in line


def test_good_image_among_bad_ones_is_read(layout: Any, small_image: Any, tmp_path: Path, capsys: Any) -> None:
    small_image.write_oci(tmp_path / "good")
    code = run(["inspect", f"oci:{tmp_path / 'good'}", "--format", "json", "--cache-dir", str(tmp_path / "the-cache")])
    assert json.loads(capsys.readouterr().out)["images"][0]["head"]["unpacked_bytes"] == 3130
    assert code in {ExitCode.PASSED, ExitCode.GATE_CLOSED}
