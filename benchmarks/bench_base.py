"""Measures the time of a run beyond its builds: head's build if base is cached, otherwise both builds.

    python benchmarks/bench_base.py                # 5 runs of each
    python benchmarks/bench_base.py --runs 3 --megabytes 50

Needs an engine (DOCKER_HOST) with debian:bookworm, and its client on PATH. Each run has commits of its own, so that
nothing of what is timed is in the build cache; the bare builds and ours alternate. A build compresses `--megabytes` of
random bytes: some seconds of a processor, and a layer that has to be read. Where the machine does other work as well,
the last ratio is the one to look at: a whole run beside its own builds, as it timed them. Ends with 1 where the ratio
of the fastest runs misses the target.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

WANTED_RATIO = 1.1
PARTS = 4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), options.megabytes)
        try:
            bench.weigh(bench.main, bench.commit())  # base is measured, and Python's own files are compiled
            cached = [
                (bench.build(bench.commit()), bench.weigh(bench.main, bench.commit())) for _ in range(options.runs)
            ]
            cold = []
            for _ in range(options.runs):
                bare = bench.build(bench.commit()) + bench.build(bench.commit())
                cold.append((bare, bench.weigh(bench.commit(), bench.commit())))
        finally:
            bench.remove_images()
    ratio = report("base cached, against the bare build of head", cached)
    report("both sides cold, beside the two bare builds", cold)
    if ratio > WANTED_RATIO:
        print(f"missed: {ratio:.3f} is more than {WANTED_RATIO}", file=sys.stderr)
        return 1
    return 0


def report(title: str, runs: Sequence[tuple[float, tuple[float, float]]]) -> float:
    """Print both columns, and answer the ratio of the fastest runs."""
    bare, ours = [run[0] for run in runs], [run[1][0] for run in runs]
    ratio = min(ours) / min(bare)
    within = statistics.median(whole / builds for _, (whole, builds) in runs)
    print(title)
    for name, seconds in (("docker build", bare), ("weighbridge diff", ours)):
        print(f"  {name:17} fastest {min(seconds):6.2f} s, median {statistics.median(seconds):6.2f} s")
    medians = statistics.median(ours) / statistics.median(bare)
    print(f"  ratio of the fastest {ratio:.3f}, of the medians {medians:.3f}, to its own builds {within:.3f}")
    return ratio


class Bench:
    """A repository with one image. Every commit is a new build."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.repo = folder / "shop"
        self.folder = folder
        self.tags: list[str] = []
        self.repo.mkdir()
        self._git("init", "--quiet", "--initial-branch=main")
        share = megabytes * 1_000_000 // PARTS
        (self.repo / "Dockerfile").write_text(
            "FROM debian:bookworm\nWORKDIR /srv\nCOPY build.sh source.txt ./\nRUN sh build.sh\n"
            'COPY README.md ./\nCMD ["/bin/sh", "-c", "true"]\n'
        )
        (self.repo / "build.sh").write_text(
            f"for part in {' '.join(map(str, range(PARTS)))}; do\n"
            f"  head -c {share} /dev/urandom | gzip -6 > part-$part.gz\ndone\n"
        )
        (self.repo / "README.md").write_text("A benchmark.\n")
        self.main = self.commit()

    def commit(self) -> str:
        """A commit in which the source is another one."""
        (self.repo / "source.txt").write_text(uuid.uuid4().hex)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", "change")
        return self._git("rev-parse", "HEAD")

    def build(self, commit: str) -> float:
        """Seconds of a bare ``docker build`` of a checkout that is there already."""
        checkout = self.folder / commit
        checkout.mkdir()
        archive = subprocess.run(
            ["git", "-C", self.repo, "archive", "--format=tar", commit], capture_output=True, check=True
        )
        subprocess.run(["tar", "-x", "-C", checkout], input=archive.stdout, check=True)
        tag = f"weighbridge-benchmark:{commit[:12]}"
        self.tags.append(tag)
        return seconds(["docker", "build", "--quiet", "--tag", tag, str(checkout)], {"DOCKER_BUILDKIT": "1"})

    def weigh(self, base: str, head: str) -> tuple[float, float]:
        """Seconds of a whole ``weighbridge diff``, and of the builds in it.

        Patches of tips would be builds of their own: they are left out.
        """
        command = [sys.executable, "-m", "weighbridge", "diff", "--repo", str(self.repo), base, head]
        file = self.folder / "report.json"
        command += ["--no-verify-tips", "--quiet", "--output", str(file)]
        whole = seconds([*command, "--cache-dir", str(self.folder / "cache")], {})
        return whole, json.loads(file.read_bytes())["images"][0]["build_seconds"]

    def remove_images(self) -> None:
        """Take away what was built here; the build cache is the engine's own affair."""
        for tag in self.tags:
            subprocess.run(["docker", "image", "rm", "--force", tag], capture_output=True, check=False)
        shutil.rmtree(self.folder / "cache", ignore_errors=True)

    def _git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=B", "-c", "user.email=b@example.org")
        done = subprocess.run(
            ["git", "-C", self.repo, *identity, *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


def seconds(command: Sequence[str], environment: dict[str, str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
