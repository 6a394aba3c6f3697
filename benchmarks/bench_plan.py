"""What a repository of many Dockerfiles costs before anything is built, and what an image costs that nothing touches.

    python benchmarks/bench_plan.py                  # 400 Dockerfiles in 20,000 files, 5 runs
    python benchmarks/bench_plan.py --images 40 --files 2000 --runs 3
    python benchmarks/bench_plan.py --without-engine # plan only

`plan` is timed as a whole process, and the programs that it starts are counted, against a repository of one Dockerfile.
`diff` is timed with one affected image of many and with one of one: the difference is what the others cost. Ends with 1
where a target is missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

WANTED_PLAN_SECONDS = 2.0
WANTED_IMAGE_MILLISECONDS = 20.0
_COUNTED = ("git", "docker")


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Whole processes, in seconds."""

    wall: list[float]
    cpu: list[float]

    def __str__(self) -> str:
        return (
            f"median {statistics.median(self.wall):.2f} s, {min(self.wall):.2f} to {max(self.wall):.2f} s"
            f" (of the processors {min(self.cpu):.2f} s)"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--without-engine", action="store_true")
    options = parser.parse_args()
    missed = []
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        many, one = scratch / "many/shop", scratch / "one/shop"
        make(many, images=options.images, files=options.files)
        make(one, images=1, files=options.files // options.images)
        timed = {repo: run(repo, ["plan"], options.runs) for repo in (many, one)}
        print(f"plan, {options.images} Dockerfiles in {options.files} files: {timed[many]}")
        print(f"plan, 1 Dockerfile: {timed[one]}")
        slope = (min(timed[many].wall) - min(timed[one].wall)) / (options.images - 1) * 1000
        print(f"plan, each further Dockerfile: {slope:.2f} ms")
        if min(timed[many].wall) > WANTED_PLAN_SECONDS:
            missed.append(f"plan takes {min(timed[many].wall):.2f} s, wanted {WANTED_PLAN_SECONDS:.0f} s")
        started = {repo: processes(repo, scratch) for repo in (many, one)}
        print(f"plan starts {started[many]}, with 1 Dockerfile {started[one]}")
        if started[many] != started[one]:
            missed.append("the number of processes depends on the number of Dockerfiles")
        if not options.without_engine:
            diffs = {repo: run(repo, ["diff"], options.runs) for repo in (many, one)}
            print(f"diff, 1 of {options.images} affected: {diffs[many]}")
            print(f"diff, 1 of 1 affected: {diffs[one]}")
            cost = (min(diffs[many].wall) - min(diffs[one].wall)) / (options.images - 1) * 1000
            print(f"diff, each unaffected image: {cost:.1f} ms (wanted {WANTED_IMAGE_MILLISECONDS:.0f} ms)")
            if cost > WANTED_IMAGE_MILLISECONDS:
                missed.append(f"an unaffected image costs {cost:.1f} ms")
    for text in missed:
        print(f"missed: {text}")
    return 1 if missed else 0


def make(root: Path, *, images: int, files: int) -> None:
    """A repository with two commits. The second touches one image; Compose and bake define two images."""
    each = files // images - 3
    for number in range(images):
        folder = root / f"services/g{number % 20}/s{number}"
        (folder / "src").mkdir(parents=True)
        (folder / "Dockerfile").write_text(
            "ARG VERSION=1\nFROM debian:bookworm AS build\nWORKDIR /src\nCOPY src src\nRUN make -C src\n\n"
            f"FROM scratch AS run\nCOPY conf.txt /\nCOPY src/f1.c /\nLABEL n={number}\n"
        )
        (folder / "conf.txt").write_text(f"{number}\n")
        (folder / ".dockerignore").write_text("*.md\ntest\n")
        for other in range(each):
            (folder / f"src/f{other}.c").write_text(f"{number} {other}\n")
    first = "services/g0/s0"
    (root / "compose.yaml").write_text(f"services: {{ first: {{ build: {{ context: {first}, target: run }} }} }}\n")
    (root / "docker-bake.hcl").write_text(f'target "default" {{\n  context = "{first}"\n  target = "build"\n}}\n')
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "one")
    (root / f"services/g{(images - 1) % 20}/s{images - 1}/src/f1.c").write_text("changed\n")
    git(root, "commit", "--quiet", "--all", "-m", "two")


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True)


def run(repo: Path, arguments: Sequence[str], runs: int) -> Timed:
    """`weighbridge ARGUMENTS` over the last commit, several times; the first, which fills caches, does not count."""
    command = [sys.executable, "-m", "weighbridge", *arguments, "HEAD^", "HEAD", "--repo", str(repo)]
    command += ["--quiet"] if arguments == ["diff"] else []
    wall, cpu = [], []
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "XDG_CACHE_HOME": cache}
        for _ in range(runs + 1):
            before = os.times()
            begun = time.perf_counter()
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            wall.append(time.perf_counter() - begun)
            after = os.times()
            cpu.append(after.children_user + after.children_system - before.children_user - before.children_system)
            if done.returncode != 0:
                raise SystemExit(f"{' '.join(command)} failed: {done.stderr}")
    return Timed(wall=wall[1:], cpu=cpu[1:])


def processes(repo: Path, scratch: Path) -> dict[str, int]:
    """How often `plan` starts each program, counted by programs of the same names that come before them on PATH."""
    folder = scratch / f"counting-{repo.parent.name}"
    folder.mkdir()
    log = folder / "log"
    for name in _COUNTED:
        real = shutil.which(name)
        if real is not None:
            (folder / name).write_text(f'#!/bin/sh\necho {name} >> "{log}"\nexec "{real}" "$@"\n')
            (folder / name).chmod(0o755)
    command = [sys.executable, "-m", "weighbridge", "plan", "HEAD^", "HEAD", "--repo", str(repo)]
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    started = log.read_text().split()
    return {name: started.count(name) for name in _COUNTED}


if __name__ == "__main__":
    raise SystemExit(main())
