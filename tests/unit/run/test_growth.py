"""No step from a layer's tar to the comparison of two images is quadratic.

The lines of Python that run are counted, not timed: the counts do not depend on the machine. An image is generated in
three sizes n, 4n and 16n. Between the sizes, linear steps grow by 3 and by 12 shares, a ratio of 4; quadratic ones by
15 and by 240, a ratio of 16.
"""

from __future__ import annotations

import io
import sys
import tarfile
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

import pytest

from weighbridge.domain.image.image import Image, ImageConfig, Layer
from weighbridge.domain.image.origins import LayerOrigin
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.image.weighed import WeighedImage, weigh_image
from weighbridge.domain.result.comparison import compare_sides
from weighbridge.domain.tips.find import find_tips
from weighbridge.sources.changeset import LayerIndex, index_layer

MAXIMUM_RATIO = 6.5
SMALL = 12

Member = tuple[str, bytes, str, int]
"""Name, content or link target, kind (a tar type), mode."""


def file(name: str, content: bytes = b"content", mode: int = 0o644) -> Member:
    return name, content, "0", mode


def link(name: str, target: str, kind: str) -> Member:
    return name, target.encode(), kind, 0o777


def directory(name: str) -> Member:
    return name, b"", "5", 0o755


def tar(members: Iterable[Member]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content, kind, mode in members:
            member = tarfile.TarInfo(name)
            member.type, member.mode = kind.encode(), mode
            if kind == "0":
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.linkname = content.decode()
                archive.addfile(member)
    return buffer.getvalue()


def files_in_one_folder(n: int) -> list[list[Member]]:
    return [[file(f"app/f{number}", b"%d" % number) for number in range(n)]]


def folders_with_one_file(n: int) -> list[list[Member]]:
    return [[one for number in range(n) for one in (directory(f"d{number}"), file(f"d{number}/f"))]]


def folders_that_no_layer_names(n: int) -> list[list[Member]]:
    return [[file(f"a/b{number}/c/f") for number in range(n)]]


def layers(n: int) -> list[list[Member]]:
    return [[file(f"app/layer{number}")] for number in range(n)]


def hard_links_to_one_file(n: int) -> list[list[Member]]:
    return [[file("app/file"), *(link(f"app/link{number}", "app/file", "1") for number in range(n))]]


def symlinks_to_nothing(n: int) -> list[list[Member]]:
    return [[link(f"app/link{number}", f"missing{number}", "2") for number in range(n)]]


def removed_files(n: int) -> list[list[Member]]:
    return [[file(f"app/f{number}") for number in range(n)], [file(f"app/.wh.f{number}", b"") for number in range(n)]]


def removed_folders(n: int) -> list[list[Member]]:
    return [[file(f"d{number}/x/f") for number in range(n)], [file(f".wh.d{number}", b"") for number in range(n)]]


def emptied_folders(n: int) -> list[list[Member]]:
    return [
        [file(f"d{number}/f") for number in range(n)],
        [file(f"d{number}/.wh..wh..opq", b"") for number in range(n)],
    ]


def rewritten_files(n: int) -> list[list[Member]]:
    return [[file(f"app/f{number}", b"%d" % of) for number in range(n)] for of in range(2)]


def files_with_another_mode(n: int) -> list[list[Member]]:
    return [[file(f"app/f{number}", b"same", mode) for number in range(n)] for mode in (0o644, 0o755)]


def repeated_paths(n: int) -> list[list[Member]]:
    return [[file(f"app/f{number % (n // 2)}", b"%d" % number) for number in range(n)]]


def equal_files(n: int) -> list[list[Member]]:
    return [[file(f"app/d{number}/same", b"x" * 5000) for number in range(n)]]


def deb_packages(n: int) -> list[list[Member]]:
    status = "\n".join(
        f"Package: p{number}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n" for number in range(n)
    )
    lists = [file(f"var/lib/dpkg/info/p{number}.list", b"/usr/lib/f%d\n" % number) for number in range(n)]
    return [[file("var/lib/dpkg/status", status.encode()), *lists, *(file(f"usr/lib/f{one}") for one in range(n))]]


def node_packages(n: int) -> list[list[Member]]:
    described = b'{"name": "p", "version": "1", "dependencies": {}}'
    return [[file(f"app/node_modules/p{number}/package.json", described) for number in range(n)]]


KINDS = [
    files_in_one_folder,
    folders_with_one_file,
    folders_that_no_layer_names,
    layers,
    hard_links_to_one_file,
    symlinks_to_nothing,
    removed_files,
    removed_folders,
    emptied_folders,
    rewritten_files,
    files_with_another_mode,
    repeated_paths,
    equal_files,
    deb_packages,
    node_packages,
]


class Contents:
    """The files of layers in memory."""

    def __init__(self, tars: list[bytes], indexed: list[LayerIndex]) -> None:
        self._at = {
            (layer.diff_id, entry.path): content[offset : offset + entry.size_bytes]
            for content, layer in zip(tars, indexed, strict=True)
            for entry, offset in zip(layer.changeset.entries, layer.data_offsets, strict=True)
            if offset >= 0
        }

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        return self._at[node.diff_id, node.stored_path][offset : offset + length]


def weighed(members: list[list[Member]]) -> Callable[[], WeighedImage]:
    tars = [tar(layer) for layer in members]
    contents = Contents(tars, [index_layer([one], expected_diff_id=None) for one in tars])

    def weigh() -> WeighedImage:
        indexed = [index_layer([one], expected_diff_id=None) for one in tars]
        image = Image(
            image_id="sha256:image",
            config=ImageConfig(cmd=("/app/file",)),
            layers=tuple(
                Layer(diff_id=one.diff_id, created_by="COPY . /app", download_bytes=1, changeset=one.changeset)
                for one in indexed
            ),
        )
        origins = [LayerOrigin(instruction=None, text="COPY . /app", line=None, from_base_image=False) for _ in indexed]
        return weigh_image(image, origins, contents)

    return weigh


def all_steps(make_head: Callable[[], WeighedImage], make_base: Callable[[], WeighedImage]) -> None:
    head, base = make_head(), make_base()
    find_tips(head)
    compare_sides(base, head)


def lines_run(action: Callable[[], None]) -> int:
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_steps_for_image_sixteen_times_as_large_grow_linearly(kind: Callable[[int], list[list[Member]]]) -> None:
    counts = []
    for n in (SMALL, 4 * SMALL, 16 * SMALL):
        head, base = weighed(kind(n)), weighed(kind(n // 2))
        counts.append(lines_run(lambda head=head, base=base: all_steps(head, base)))
    first, second, third = counts
    assert (third - second) / (second - first) < MAXIMUM_RATIO, counts
