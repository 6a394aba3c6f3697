"""Images for machines that are not here: built where nothing of them has to run, else left out by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import docker

from weighbridge.domain.start.elf.tiny import tiny_program

FOREIGN = "linux/s390x"
CONFIG = """
images:
  copied: { dockerfile: copied/Dockerfile, context: copied, platforms: [NATIVE, FOREIGN] }
  cross: { dockerfile: cross/Dockerfile, context: cross, platforms: [FOREIGN] }
  run: { dockerfile: run/Dockerfile, context: run, platforms: [NATIVE, FOREIGN] }
"""


def weigh(engine, tmp_path: Path, config: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code and images of a `diff` over a change of every program."""
    platform = "linux/" + docker_architecture(engine)
    repo = tmp_path / "shop"
    files = {
        "copied/Dockerfile": 'FROM scratch\nCOPY x /\nENTRYPOINT ["/x"]\n',
        "cross/Dockerfile": "FROM --platform=$BUILDPLATFORM busybox AS build\nCOPY x /\nRUN cp /x /y\n"
        "FROM scratch\nCOPY --from=build /y /\n",
        "run/Dockerfile": 'FROM scratch\nARG TARGETARCH\nCOPY x.$TARGETARCH /x\nRUN ["/x"]\n',
        ".github/weighbridge.yml": config.replace("NATIVE", platform).replace("FOREIGN", FOREIGN),
    }
    programs = {
        "copied/x": "s390x",
        "cross/x": "s390x",
        "run/x.s390x": "s390x",
        f"run/x.{docker_architecture(engine)}": docker_architecture(engine),
    }
    for number in range(2):
        for name, text in files.items():
            (repo / name).parent.mkdir(parents=True, exist_ok=True)
            (repo / name).write_text(text)
        for name, architecture in programs.items():
            (repo / name).write_bytes((tiny_program(architecture) or b"") + b"\0" * number)
            (repo / name).chmod(0o755)
        for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "change"]):
            identity = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
            subprocess.run(["git", *identity, *arguments], cwd=repo, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "weighbridge", "diff", "HEAD^", "HEAD", "--repo", str(repo), "--format", "json"],
        env={**os.environ, **engine.environment, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, {one["name"]: one for one in json.loads(done.stdout)["images"]}


def docker_architecture(engine) -> str:
    client: docker.DockerClient = engine.client
    return str(client.version()["Arch"])


def test_platform_without_machine_builds_copies_and_skips_others(any_engine, need_images, tmp_path):
    need_images(any_engine, "busybox")
    code, images = weigh(any_engine, tmp_path, CONFIG)
    native = "linux/" + docker_architecture(any_engine)
    copied, cross = images[f"copied@{FOREIGN}"], images["cross"]
    assert (copied["status"], copied["head"]["platform"], copied["delta"]["unpacked_bytes"]) == ("changed", FOREIGN, 1)
    assert copied["head"]["start"]["outcome"] == "yes"
    assert (cross["status"], cross["head"]["platform"]) == ("changed", FOREIGN)
    assert images[f"run@{native}"]["status"] == "changed"
    left_out = images[f"run@{FOREIGN}"]
    assert (left_out["status"], left_out["head"], left_out["failures"]) == ("skipped", None, [])
    assert left_out["reason"].startswith(
        f'not built: this builder cannot run programs of {FOREIGN}; line 4 runs one (RUN ["/x"]).'
    )
    # An s390x program in an image for this machine does not start, and base is no better.
    assert images[f"copied@{native}"]["findings"][0]["predicts"] == "exec /x: exec format error"
    assert code == 0


def test_unbuildable_required_platform_is_failure(engine, need_images, tmp_path):
    need_images(engine, "busybox")
    code, images = weigh(engine, tmp_path, CONFIG.replace("NATIVE, FOREIGN]", "{ name: FOREIGN, required: true }]"))
    assert images["run"]["status"] == "failed"
    assert images["copied"]["status"] == "changed"
    assert code == 3
