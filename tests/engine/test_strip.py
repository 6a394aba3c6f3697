"""What `stripped_bytes` says of a binary is what the real strip of binutils makes of it, language by language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weighbridge.domain.image.image import Image
from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.start.elf import read_elf
from weighbridge.domain.tips.strip_size import stripped_bytes
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.transports import parse_image_reference

MEASURED = """RUN for file in /out/*; do \\
      strip -o /stripped "$file" && echo "$file $(stat -c %s /stripped)" >> /sizes; done
"""
C = """FROM gcc:12
WORKDIR /out
COPY hello.c hello.cc /
RUN gcc /hello.c -o plain && gcc -g3 /hello.c -o g3 && gcc -g -static /hello.c -o static \\
 && gcc -g -static-pie /hello.c -o static-pie && gcc -g -no-pie /hello.c -o no-pie && gcc -g -gz /hello.c -o gz \\
 && gcc -g -O2 -flto /hello.c -o lto && gcc -g -shared -fPIC /hello.c -o library.so && gcc -s /hello.c -o stripped \\
 && gcc -g -Wl,-q /hello.c -o relocations && gcc -g -Wl,--build-id=none /hello.c -o no-build-id \\
 && gcc -g -Wl,-z,noseparate-code /hello.c -o no-separate-code && gcc -g -fuse-ld=gold /hello.c -o gold
RUN g++ /hello.cc -o cc-plain && g++ -g /hello.cc -o cc-g && g++ -static /hello.cc -o cc-static \\
 && g++ -g -gdwarf-4 -gz=zlib /hello.cc -o cc-dwarf4
"""
GO = """FROM golang:1
WORKDIR /out
COPY hello.go /src/
RUN CGO_ENABLED=0 go build -o /out/plain /src/hello.go && CGO_ENABLED=0 go build -ldflags=-w -o w /src/hello.go
"""
RUST = """FROM rust:1
WORKDIR /out
COPY hello.rs /
RUN rustc /hello.rs -o plain && rustc -g /hello.rs -o g && rustc -O -C strip=debuginfo /hello.rs -o no-debug \\
 && rustc -C prefer-dynamic /hello.rs -o dynamic
"""
SOURCES = {
    "hello.c": '#include <stdio.h>\nint table[5000] = {1}, zeros[100000];\nint main(void) { return !puts("hello"); }\n',
    "hello.cc": "#include <iostream>\n#include <map>\nint main() { std::map<int, int> m; std::cout << m.size(); }\n",
    "hello.go": 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello") }\n',
    "hello.rs": 'fn main() { println!("hello {}", std::env::args().count()); }\n',
}


@pytest.mark.parametrize(("dockerfile", "binaries"), [(C, 17), (GO, 2), (RUST, 4)], ids=["c", "go", "rust"])
def test_stripped_size_equals_real_strip(
    engine: Any,
    need_images: Callable[..., None],
    build_image: Callable[..., str],
    tmp_path: Path,
    dockerfile: str,
    binaries: int,
) -> None:
    need_images(engine, dockerfile.split()[1])
    for name, content in {**SOURCES, "Dockerfile": dockerfile + MEASURED}.items():
        (tmp_path / name).write_text(content)
    reference = parse_image_reference(build_image(engine, tmp_path))
    with LayerReader(engine=lambda: engine.client, cache=LayerCache(tmp_path / "cache")) as reader:
        image = reader.read([reference])[reference]
        assert isinstance(image, Image), image
        rootfs = Rootfs.from_changesets([layer.changeset for layer in image.layers], reader.contents(reference))

        def node(path: str) -> Any:
            return rootfs.lookup(path)

        sizes = dict(line.split() for line in rootfs.read(node("/sizes"), limit_bytes=65_536).decode().splitlines())
        assert len(sizes) == binaries
        computed = {
            path: stripped_bytes(
                read_elf(lambda at, length, path=path: rootfs.read_at(node(path), at, length), node(path).size_bytes)  # type: ignore[misc]
            )
            for path in sizes
        }
    assert computed == {path: int(size) for path, size in sizes.items()}
