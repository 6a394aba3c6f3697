"""Base once: what an earlier run measured is not built again, gives the same figures, and is never believed too far."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from engine_protocol import Engine
from git_commands import commit, git

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/report-schema.json").read_text())


class Shop:
    """A repository with one image on an engine, and its runs, which share one cache folder."""

    def __init__(self, engine: Engine, folder: Path, base_image: str) -> None:
        self.engine = engine
        self.repo = folder / "shop"
        self.cache = folder / "cache"
        self.folder = folder
        self.said = ""
        self.base_image = base_image
        self.repo.mkdir()
        git(self.repo, "init", "--quiet", "--initial-branch=main")
        dockerfile = (
            f"FROM {base_image}\nRUN mkdir -p /opt/app && echo {uuid.uuid4().hex} > /opt/app/id\n"
            'COPY app.txt /opt/app/\nCMD ["/bin/busybox", "true"]\n'
        )
        commit(self.repo, {"Dockerfile": dockerfile, "app.txt": "1" * 1_000})
        git(self.repo, "switch", "--quiet", "--create", "branch")
        commit(self.repo, {"app.txt": "1" * 3_000})

    def set_base_image(self, content: str) -> None:
        """Make the name of the base image stand for one that holds `content`."""
        folder = self.folder / "base-image"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "Dockerfile").write_text("FROM busybox\nCOPY content /content\n")
        (folder / "content").write_text(content)
        done = self.engine.docker("build", "--quiet", "--tag", self.base_image, folder)
        assert done.returncode == 0, done.stderr

    def weigh(self, *options: str, base: str = "main", head: str = "branch", code: int = 0) -> dict[str, Any]:
        command = [sys.executable, "-m", "weighbridge", "diff", "--repo", str(self.repo), base, head, *options]
        done = subprocess.run(
            [*command, "--no-verify-tips", "--cache-dir", str(self.cache), "--format", "json"],
            env={**os.environ, **self.engine.environment, "TMPDIR": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            cwd=self.folder,
        )
        assert done.returncode == code, done.stderr
        self.said = done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        jsonschema.Draft202012Validator(SCHEMA).validate(report)
        return report

    @property
    def built_base(self) -> bool:
        return "[shop base]" in self.said


@pytest.fixture
def new_shop(need_images: Callable[..., None], tmp_path: Path) -> Iterator[Callable[[Engine], Shop]]:
    made: list[Shop] = []

    def new(engine: Engine) -> Shop:
        need_images(engine, "busybox")
        made.append(Shop(engine, tmp_path, f"weighbridge-test-base:{uuid.uuid4().hex[:12]}"))
        made[-1].set_base_image("first")
        return made[-1]

    yield new
    for shop in made:
        shop.engine.docker("image", "rm", "--force", shop.base_image)


def figures(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report without what says when, and how long it took."""
    (image,) = report["images"]
    base = {name: value for name, value in image["base"].items() if name not in {"measured_at", "moved_images"}}
    return {**image, "base": base, "build_seconds": None}


def test_base_is_built_once_and_weighs_same_from_memory(any_engine: Engine, new_shop: Callable[[Engine], Shop]) -> None:
    shop = new_shop(any_engine)
    first = shop.weigh()
    assert shop.built_base
    assert first["images"][0]["base"]["measured_at"] is None

    second = shop.weigh()
    assert not shop.built_base
    assert figures(second) == figures(first)
    (image,) = second["images"]
    assert image["base"]["measured_at"].endswith("Z")
    assert image["base"]["moved_images"] == []
    assert "base was measured on" in shop.said

    # Head of this run is the next one's base: after the merge nothing of base is built either.
    git(shop.repo, "switch", "--quiet", "--create", "next")
    commit(shop.repo, {"app.txt": "1" * 4_000})
    third = shop.weigh(base="branch", head="next")
    assert not shop.built_base
    assert third["images"][0]["base"]["image_id"] == first["images"][0]["head"]["image_id"]

    shop.weigh("--no-cache")
    assert shop.built_base


def test_moved_base_image_is_named_and_does_not_close_gate(
    containerd_engine: Engine, new_shop: Callable[[Engine], Shop]
) -> None:
    shop = new_shop(containerd_engine)
    shop.weigh()
    shop.set_base_image("second, which is rather longer than the first was" * 100)
    report = shop.weigh()
    assert not shop.built_base
    (image,) = report["images"]
    assert image["base"]["moved_images"] == [shop.base_image]
    assert "base-image-moved" in (image["attribution"]["cause"], *image["attribution"]["also"])
    moved_bytes = image["attribution"]["base_image_bytes"]
    assert moved_bytes > 4_000
    assert image["delta"]["unpacked_bytes"] == moved_bytes + 2_000

    # Own growth is 2 kB: a limit between the two would be broken by what is not the author's.
    report = shop.weigh("--max-increase", "+3kB")
    assert shop.built_base
    assert report["verdict"]["passed"]
    (image,) = report["images"]
    assert (image["base"]["measured_at"], image["delta"]["unpacked_bytes"]) == (None, 2_000)
    assert any("rebuilt to check its limit" in note for note in report["notes"])
    # And growth that is the author's closes the gate as ever.
    assert not shop.weigh("--max-increase", "+1kB", code=1)["verdict"]["passed"]


def test_base_image_rebuilt_to_same_content_changes_no_figure(
    engine: Engine, new_shop: Callable[[Engine], Shop]
) -> None:
    shop = new_shop(engine)
    first = shop.weigh()
    shop.set_base_image("other for a moment")
    shop.set_base_image("first")
    again = shop.weigh()
    assert not shop.built_base
    (before,), (after,) = first["images"], again["images"]
    for name in ("unpacked_bytes", "upgrade_bytes"):
        assert after["delta"][name] == before["delta"][name]


def test_with_piece_of_cache_missing_base_is_built_and_figures_stay(
    engine: Engine, new_shop: Callable[[Engine], Shop]
) -> None:
    shop = new_shop(engine)
    first = figures(shop.weigh())
    for kind in ("index", "part"):
        (pieces,) = shop.cache.glob(f"v*/{kind}")
        shutil.rmtree(pieces)
        assert figures(shop.weigh()) == first
        assert shop.built_base, kind
