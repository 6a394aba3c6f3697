"""Repositories as they are: fifty Dockerfiles and one Compose file in one folder, and four hundred services."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from git_commands import commit, git

ROOT = Path(__file__).resolve().parents[2]


def weighbridge(environment: dict[str, str], root: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "weighbridge", *arguments, "--repo", str(root)],
        env={**os.environ, **environment, "XDG_CACHE_HOME": str(root.parent / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("slot", ["overlay2_engine", "containerd_engine"])
def test_fifty_dockerfiles_and_one_compose_file_need_no_configuration(request, slot, tmp_path):
    environment = request.getfixturevalue(slot).environment  # with buildx, and without
    root = tmp_path / "hello"
    root.mkdir()
    git(root, "init", "--quiet")
    numbers = range(50)
    services = "".join(
        f"  hello-{number}: {{ image: hello:{number}, build: {{ context: ., dockerfile: Dockerfile.{number} }} }}\n"
        for number in numbers[:48]
    )
    (root / "compose.yaml").write_text(f"services:\n{services}  shell: {{ image: hello:1, command: sh }}\n")
    for number in numbers:
        text = f"FROM scratch AS build\nCOPY hello.{number % 2} /hello\nFROM build\nLABEL n={number}\n"
        (root / f"Dockerfile.{number}").write_text(text)
    for number in range(2):
        (root / f"hello.{number}").write_text("1")
    commit(root)
    (root / "hello.0").write_text("2")
    (root / "Dockerfile.49").write_text("FROM scratch\nCOPY hello.1 /\n")
    commit(root)
    plan = weighbridge(environment, root, "plan", "HEAD^", "HEAD", "--explain").splitlines()
    found = dict(zip(plan[:-1:3], zip(plan[1:-1:3], plan[2:-1:3], strict=True), strict=True))
    services_names = [f"hello-{number}" for number in numbers[:48]]
    assert sorted(line.split(" ", 1)[1] for line in found) == sorted([*services_names, "hello/48", "hello/49"])
    assert found["build hello-46"] == (
        "      affected: hello.0 changed",
        "      Dockerfile.46, context ., defined by service hello-46 of compose.yaml",
    )
    assert found["leave hello-47"][0] == "      unaffected: nothing that it copies from its context . changed"
    assert found["build hello/49"] == (
        "      affected: Dockerfile.49 changed",
        "      Dockerfile.49, context . (its folder is the root), defined by its file name",
    )
    assert plan[-1] == "26 of 50 images to build"


def test_examples_have_equal_plans_with_and_without_buildx(overlay2_engine, containerd_engine, tmp_path):
    root = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", root)
    git(root, "init", "--quiet")
    commit(root)
    plans = [
        weighbridge(engine.environment, root, "plan", "HEAD", "HEAD", "--explain")
        for engine in (overlay2_engine, containerd_engine)
    ]
    assert plans[0] == plans[1]
    names = [line.removeprefix("leave ") for line in plans[0].splitlines() if line.startswith("leave ")]
    dockerfiles = list(root.rglob("Dockerfile*"))
    assert len(names) == len(set(names)) == len(dockerfiles) > 30


def test_four_hundred_services_build_only_the_changed_one(containerd_engine, tmp_path):
    root = tmp_path / "shop"
    for number in range(400):
        folder = root / f"services/g{number % 20}/s{number}"
        folder.mkdir(parents=True)
        lower = "lower" if number in {7, 8} else "scratch"
        (folder / "Dockerfile").write_text(f"FROM {lower}\nCOPY src /src\nLABEL n={number}\n")
        (folder / "src").write_text(f"{number}\n")
        (folder / "README.md").write_text("1")
    (root / "lower").mkdir()
    (root / "lower/Dockerfile").write_text("FROM scratch\nCOPY x /x\n")
    (root / "lower/x").write_text("1")
    (root / "compose.yaml").write_text("services: { lower: { image: lower, build: lower } }\n")
    git(root, "init", "--quiet")
    commit(root)
    for path in root.rglob("README.md"):
        path.write_text("2")
    (root / "lower/x").write_text("22")
    commit(root)
    plan = weighbridge(containerd_engine.environment, root, "plan", "HEAD^", "HEAD", "--explain").splitlines()
    assert plan[-1] == "3 of 401 images to build"
    assert plan.count("      unaffected: nothing that it copies from its context services/g1/s1 changed") == 1
    report = json.loads(weighbridge(containerd_engine.environment, root, "diff", "HEAD^", "HEAD", "--format", "json"))
    changed = {one["name"]: one["delta"]["unpacked_bytes"] for one in report["images"] if one["status"] != "unchanged"}
    assert changed == {"lower": 1, "services/g7/s7": 1, "services/g8/s8": 1}
    assert len(report["images"]) == 401
