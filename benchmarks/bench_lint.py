"""How long `weighbridge lint` takes for a repository of many Dockerfiles, as a whole process.

    python benchmarks/bench_lint.py                 # 400 Dockerfiles, 5 runs
    python benchmarks/bench_lint.py --files 4000 --runs 1
    python benchmarks/bench_lint.py --files 1 --starts 30

The files are the well-made and the improvable ones of the tests, in turn, in a git repository. Wanted: 400 in 1 s,
and no more than 2.5 ms of processor time a file. Then the start: `--version` and `lint` of one file, in turn with
`python -c pass`, of which each may take six times the processor time.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "tests/data/dockerfiles"
WANTED_SECONDS = 1.0
COMMAND = "from weighbridge.__main__ import main; main()"  # what the console script does
ONE_FILE = """FROM debian:bookworm
RUN apt-get update && apt-get install -y curl
COPY . /app
CMD ["curl"]
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--starts", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = [path.read_bytes() for path in sorted(DATA.rglob("*.Dockerfile"))]
        for number, text in enumerate(itertools.islice(itertools.cycle(texts), options.files)):
            place = folder / f"services/s{number:04d}"
            place.mkdir(parents=True)
            (place / "Dockerfile").write_bytes(text)
        subprocess.run(["git", "init", "--quiet", name], check=True)
        subprocess.run(["git", "-C", name, "add", "--all"], check=True)
        for arguments in (["--format", "text"], ["--format", "json"], ["--format", "sarif"]):
            before = _processor_seconds()
            times = [_seconds(folder, arguments) for _ in range(options.runs)]
            used = _processor_seconds() - before
            print(
                f"{options.files} Dockerfiles, {' '.join(arguments)}: median {statistics.median(times):.2f} s, "
                f"{min(times):.2f} to {max(times):.2f} s (wanted for 400: {WANTED_SECONDS:.0f} s); processor time "
                f"{used / options.runs / options.files * 1000:.2f} ms a file"
            )
        _print_starts(folder, options.starts)
    return 0


def _print_starts(folder: Path, rounds: int) -> None:
    """Print the processor time of short commands, and the ratio to the start of Python. Round after round, in turn."""
    (folder / "one.Dockerfile").write_text(ONE_FILE)
    commands = {
        "python -c pass": ["-c", "pass"],
        "import click": ["-c", "import click"],
        "--version": ["-c", COMMAND, "--version"],
        "lint of 1 file": ["-c", COMMAND, "lint", "--fail-level", "never", "one.Dockerfile"],
    }
    used: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, arguments in commands.items():
            before = _processor_seconds()
            subprocess.run([sys.executable, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
            used[name].append(_processor_seconds() - before)
    least, middle = (select(used["python -c pass"]) for select in (min, statistics.median))
    for name, seconds in used.items():
        low, median = min(seconds), statistics.median(seconds)
        print(
            f"{name}: least {low * 1000:.0f} ms, {low / least:.1f} times Python's start; "
            f"median {median * 1000:.0f} ms, {median / middle:.1f} times"
        )


def _seconds(folder: Path, arguments: list[str]) -> float:
    begun = time.perf_counter()
    command = [sys.executable, "-m", "weighbridge", "lint", "--fail-level", "never", *arguments]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def _processor_seconds() -> float:
    """The processor time of all child processes so far, user and system."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    raise SystemExit(main())
