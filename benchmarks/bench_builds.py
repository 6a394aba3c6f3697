"""What a run takes beside the builds that it cannot do without, and what building several images at a time gains.

    eval "$(python3 scripts/engine.py env)"; python benchmarks/bench_builds.py      # about 6 minutes

Each line is a ratio of two times of this machine in this run; nothing that is timed was built before. The image is
compiled in earnest (gcc); the forty images sleep, as builds that wait for a network do. "Nothing known" is a machine
that has never read the base image's layers either. Tips are not built here: they are builds of their own, which the
bare builds do not have. It ends with an error where a target is missed.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

COLD_LIMIT = 1.1
"""Both sides not in the cache: the run against `docker build` of base and head, one after the other."""
KNOWN_BASE_LIMIT = 1.1
"""Base measured by an earlier run: the run against `docker build` of head."""
PARALLEL_LIMIT = 1.6
"""Images that sleep: one at a time against two at a time."""
SLEEP_SECONDS = 3

COMPILED = """FROM gcc
COPY source.c /
RUN for level in $(seq {rounds}); do gcc -O2 -DLEVEL=$level -c /source.c -o /object-$level.o; done
CMD ["true"]
"""
SLEEPING = "FROM busybox\nCOPY mark /\nRUN sleep {seconds}\n"


class Bench:
    """A repository in a folder of its own, and the times of what is done with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repo = folder / "repo"
        self.repo.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.repo), "-c", "user.name=b", "-c", "user.email=b@example.test", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, files: dict[str, str]) -> str:
        for name, text in files.items():
            (self.repo / name).parent.mkdir(parents=True, exist_ok=True)
            (self.repo / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")
        return self.git("rev-parse", "HEAD")

    def build(self, *commits: str) -> None:
        """`docker build` of the commits' images, each from a checkout that is not timed."""
        for commit in commits:
            tag = f"weighbridge-benchmark:{commit[:12]}"
            run(["docker", "build", "--quiet", "--tag", tag, str(self.checkout(commit))])
            run(["docker", "image", "rm", tag])

    def forget(self) -> None:
        """Have the next run know nothing of earlier ones."""
        shutil.rmtree(self.folder / "cache", ignore_errors=True)

    def checkout(self, commit: str) -> Path:
        folder = self.folder / commit
        if not folder.exists():
            self.git("worktree", "add", "--quiet", "--detach", str(folder), commit)
        return folder

    def weigh(self, base: str, head: str, *options: str) -> None:
        """A whole run, as a process."""
        cache = ("--cache-dir", str(self.folder / "cache"))
        command = [sys.executable, "-m", "weighbridge", "diff", base, head, "--repo", str(self.repo), *cache]
        run([*command, "--no-verify-tips", "--quiet", "--format", "json", *options])


def run(command: list[str]) -> None:
    done = subprocess.run(
        command, env={**os.environ, "DOCKER_BUILDKIT": "1"}, capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")


def seconds(action: Callable[[], None]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def source() -> str:
    """A C file that takes the compiler a while, unlike any other so far."""
    functions = (
        f"double f{number}(double x) {{ double s = {number}; for (int i = 0; i < 64; i++)"
        f" s += x * i / (s + LEVEL + {number}); return s; }}\n"
        for number in range(400)
    )
    return f"/* {secrets.token_hex(8)} */\n" + "".join(functions)


def one_image(bench: Bench, rounds: int, runs: int) -> bool:
    """Both sides cold, then the same base with another head."""
    dockerfile = COMPILED.format(rounds=rounds)
    bench.commit({"Dockerfile": dockerfile, "source.c": source()})

    def fresh() -> str:
        """A commit without an earlier build, checked out for a build by hand."""
        commit = bench.commit({"source.c": source()})
        bench.checkout(commit)
        return commit

    times: dict[str, list[float]] = {"nothing known": [], "cold": [], "two": [], "base known": [], "one": []}
    for _ in range(runs):  # all in turn, and the fastest of each: others may be at work on this machine
        base, head, other, another, third = (fresh() for _ in range(5))
        bench.forget()
        times["nothing known"].append(seconds(lambda base=base, head=head: bench.weigh(base, head)))
        times["two"].append(seconds(lambda other=other, another=another: bench.build(other, another)))
        times["base known"].append(seconds(lambda head=head, third=third: bench.weigh(head, third)))
        base, head, other = (fresh() for _ in range(3))
        times["cold"].append(seconds(lambda base=base, head=head: bench.weigh(base, head)))
        times["one"].append(seconds(lambda other=other: bench.build(other)))
    best = {name: min(each) for name, each in times.items()}
    met = report_ratio(
        "both sides cold, nothing known ÷ two bare builds", best["nothing known"], best["two"], COLD_LIMIT
    )
    met &= report_ratio("both sides cold, base image's layers known ÷ the same", best["cold"], best["two"], COLD_LIMIT)
    return report_ratio("base known ÷ a bare build of head", best["base known"], best["one"], KNOWN_BASE_LIMIT) and met


def many_images(bench: Bench, count: int) -> bool:
    """New images that only sleep: one at a time, and two."""
    base = bench.commit({"README.md": "many\n"})
    times = []
    for jobs in (1, 2):
        marks = {f"image-{number:02d}/mark": secrets.token_hex(8) for number in range(count)}
        files = {f"image-{number:02d}/Dockerfile": SLEEPING.format(seconds=SLEEP_SECONDS) for number in range(count)}
        bench.git("checkout", "--quiet", "-B", f"jobs-{jobs}", base)
        head = bench.commit({**files, **marks})
        options = ("--jobs", str(jobs), "--image", "image-*")
        times.append(seconds(lambda head=head, options=options: bench.weigh(base, head, *options)))  # type: ignore[misc]
    alone, together = times
    ratio = alone / together
    print(f"{count} images, one at a time {alone:.1f} s, two at a time {together:.1f} s: {ratio:.2f} × faster", end="")
    print(f" (wanted {PARALLEL_LIMIT} ×) {'✓' if ratio >= PARALLEL_LIMIT else '✗'}")
    return ratio >= PARALLEL_LIMIT


def report_ratio(what: str, ours: float, bare: float, limit: float) -> bool:
    ratio = ours / bare
    print(f"{what}: {ours:.1f} s ÷ {bare:.1f} s = {ratio:.3f} (limit {limit}) {'✓' if ratio <= limit else '✗'}")
    return ratio <= limit


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=40, help="how many images sleep")
    parser.add_argument("--rounds", type=int, default=10, help="how often the one image compiles its source")
    parser.add_argument("--runs", type=int, default=1, help="how often each line of the one image is measured")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} processors, load {load:.1f} at the start", flush=True)
    with tempfile.TemporaryDirectory(prefix="weighbridge-bench-") as name:
        folders = [Path(name) / each for each in ("one", "many")]
        for folder in folders:
            folder.mkdir()
        met = one_image(Bench(folders[0]), options.rounds, options.runs)
        met &= many_images(Bench(folders[1]), options.images)
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
