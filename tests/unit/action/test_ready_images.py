"""The inputs `head-image` and `base-image` as pairs of images."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.action.inputs import Inputs, input_variable, read_inputs
from weighbridge.action.ready_images import image_pairs
from weighbridge.errors import UsageError


def inputs(head: str, base: str = "", images: str = "") -> Inputs:
    given = {"mode": "compare", "head-image": head, "base-image": base, "images": images}
    return read_inputs({input_variable(name): value for name, value in given.items()})


def pairs(workspace: Path, head: str, base: str = "", images: str = "") -> list[tuple[str, str | None, str]]:
    found = image_pairs(inputs(head, base, images), workspace)
    return [(pair.name, str(pair.base) if pair.base else None, str(pair.head)) for pair in found]


def test_lines_are_paired_by_name(tmp_path: Path) -> None:
    head = "api = oci-archive:out/api.tar:1\n\nweb/front=registry:ghcr.io/o/web:pr-7\nnew=app:dev\n"
    base = "web/front=registry:ghcr.io/o/web:main\napi=docker-archive:base/api.tar\n"
    assert pairs(tmp_path, head, base) == [
        ("api", f"docker-archive:{tmp_path}/base/api.tar", f"oci-archive:{tmp_path}/out/api.tar:1"),
        ("web/front", "registry:ghcr.io/o/web:main", "registry:ghcr.io/o/web:pr-7"),
        ("new", None, "app:dev"),
    ]
    assert [name for name, _, _ in pairs(tmp_path, head, base, images="web/*")] == ["web/front"]


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("registry:ghcr.io/octo/api:pr", "api"),
        ("localhost:5000/octo/api", "api"),
        (f"registry:ghcr.io/octo/api@sha256:{'1' * 64}", "api"),
        ("oci-archive:out/api.tar.gz", "api"),
        ("oci:out/api", "api"),
    ],
)
def test_single_image_is_named_after_its_reference(tmp_path: Path, reference: str, name: str) -> None:
    ((found, base, _),) = pairs(tmp_path, reference, "registry:ghcr.io/octo/other:main")
    assert (found, base) == (name, "registry:ghcr.io/octo/other:main")


@pytest.mark.parametrize(
    ("head", "base", "message"),
    [
        ("", "", "needs `head-image`"),
        ("api=app:1\napi=app:2", "", "head-image: api occurs twice"),
        ("app:1\napp:2", "", "an image without a name occurs twice"),
        ("api=app:1\napp:2", "", "with several lines, each needs a name"),
        ("api=app:1", "web=app:2", "base-image: web has no line in head-image"),
        ("api=oci:/etc", "", "'/etc' is not in the workspace"),
        ("api=oci:../other", "", "is not in the workspace"),
        ("api=Not An Image", "", "is not an image reference"),
    ],
)
def test_invalid_pairs_are_refused_by_name(tmp_path: Path, head: str, base: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        pairs(tmp_path, head, base)


def test_link_out_of_workspace_is_refused(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "out").symlink_to("/etc")
    with pytest.raises(UsageError, match="is not in the workspace"):
        pairs(workspace, "api=oci:out")
