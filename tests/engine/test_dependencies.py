"""Images that are built on other images of their repository: built in order, each side on its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from git_commands import commit, git
from relays import buildkit_on_tcp

BAKE = """
group "default" { targets = ["app", "tag"] }
target "app" {
  context  = "app"
  contexts = { lower = "target:lower" }
}
target "tag" {
  context = "tag"
}
target "lower" {
  context = "lower"
  tags    = ["registry.example/lower:1"]
}
"""
FILES = {
    "docker-bake.hcl": BAKE,
    "compose.yaml": "services: { lower: { image: registry.example/lower:1, build: lower } }\n",
    "app/Dockerfile": "FROM lower\nCOPY a /a\n",
    "app/a": "a",
    "tag/Dockerfile": "FROM scratch\nCOPY --from=registry.example/lower:1 /l /l\n",
    "lower/Dockerfile": "FROM scratch\nCOPY l /l\n",
    "lower/l": "1",
}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository whose last commit makes the lower image nine bytes larger."""
    root = tmp_path / "shop"
    root.mkdir()
    git(root, "init", "--quiet")
    commit(root, FILES)
    commit(root, {"lower/l": "2" * 10})
    return root


def diff(
    environment: dict[str, str], repo: Path, *options: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "weighbridge", "diff", "HEAD^", "HEAD", "--repo", repo, "--format", "json", *options],
        env={**os.environ, **environment, "XDG_CACHE_HOME": str(repo.parent / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout, done.stderr
    return done, json.loads(done.stdout)


def test_side_is_built_on_dependency_of_same_side(containerd_engine, repo):
    done, report = diff(containerd_engine.environment, repo)
    assert {one["name"]: (one["reason"], one["delta"]["unpacked_bytes"]) for one in report["images"]} == {
        "app": ("it is built on lower, which is affected", 9),
        "lower": ("lower/l changed", 9),
        "tag": ("it is built on lower, which is affected", 9),
    }
    assert done.returncode == 0
    # The lower image is built once for each side, whoever asks for it first.
    assert done.stderr.count("[lower base] #") > 0
    assert done.stderr.count("COPY l /l") - done.stderr.count("CACHED") <= 2


def test_builder_outside_engine_builds_on_its_own_layouts(containerd_engine, repo, tmp_path):
    environment = containerd_engine.environment | {
        "BUILDX_CONFIG": str(tmp_path / "buildx"),
        "DOCKER_HOST": "unix:///nowhere.sock",
    }
    with buildkit_on_tcp(containerd_engine.docker_host.removeprefix("unix://")) as address:
        command = ["docker", "buildx", "create", "--name", "far", "--driver", "remote", address]
        subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True)
        done, report = diff(environment, repo, "--builder", "far")
    assert not [one["failures"] for one in report["images"] if one["failures"]]
    assert {one["name"]: one["delta"]["unpacked_bytes"] for one in report["images"]} == {"app": 9, "lower": 9, "tag": 9}
    assert done.returncode == 0


def test_dependency_not_selected_is_built_and_not_weighed(containerd_engine, repo):
    _, report = diff(containerd_engine.environment, repo, "--image", "app")
    assert [(one["name"], one["delta"]["unpacked_bytes"]) for one in report["images"]] == [("app", 9)]


def test_unbuildable_dependency_is_named(containerd_engine, repo):
    commit(repo, {"lower/Dockerfile": "FROM busybox\nRUN exit 3\n"})
    done, report = diff(containerd_engine.environment, repo, "--image", "app")
    (app,) = report["images"]
    assert app["status"] == "failed"
    assert app["reason"].startswith("it builds on lower, which could not be built: lower head: ")
    assert done.returncode == 3


def test_tag_without_buildx_is_external_image_with_note(overlay2_engine, repo):
    commit(repo, {"lower/l": "3" * 20})
    _, report = diff(overlay2_engine.environment, repo)
    assert {one["name"]: one["status"] for one in report["images"]} == {
        "app": "unchanged",
        "lower": "changed",
        "tag": "failed",  # nobody can pull registry.example/lower:1
    }
    assert report["notes"] == [
        "docker-bake.hcl: not read: buildx is missing; the images that it defines are unknown",
        "tag: builds on registry.example/lower:1 of the engine or a registry, not on this repository's lower."
        " Install docker buildx.",
    ]


def test_additional_context_without_buildx_is_refused_by_name(overlay2_engine, repo):
    compose = "services: { api: { build: { context: app, additional_contexts: { lower: ./lower } } } }\n"
    commit(repo, {"compose.yaml": compose})
    _, report = diff(overlay2_engine.environment, repo, "--image", "api")
    (api,) = report["images"]
    assert api["reason"] == ("Dockerfile: the additional build context lower needs buildx. Install docker-buildx.")
