"""Reads images as `weighbridge inspect` does before it judges: the process that `benchmarks/bench_layers.py` times."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import docker

from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.transports import parse_image_reference


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache-dir", type=Path, required=True)
    parser.add_argument("--in-place", action="store_true")
    parser.add_argument("--estimate-sizes", action="store_true")
    parser.add_argument("images", nargs="+")
    arguments = parser.parse_args()

    references = [parse_image_reference(image) for image in arguments.images]
    with LayerReader(
        cache=LayerCache(arguments.cache_dir), engine=lambda: docker.from_env(timeout=900), in_place=arguments.in_place
    ) as reader:
        for reference, image in reader.read(references, estimate_sizes=arguments.estimate_sizes).items():
            if isinstance(image, Exception):
                print(f"{reference}: {image}", file=sys.stderr)
                return 1
            entries = sum(len(layer.changeset.entries) for layer in image.layers)
            print(f"{reference}: {image.unpacked_bytes} bytes, {entries} entries, download {image.download_bytes}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
