"""Tips computed from the layers: counted bytes, named instructions, and skipped files."""

from __future__ import annotations

import pytest
from images import layers_of, weigh_files

from weighbridge.domain.image.image import Image, ImageConfig
from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.origins import LayerOrigin
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.image.weighed import weigh_image
from weighbridge.domain.tips.context import common_folder
from weighbridge.domain.tips.find import find_tips, minimum_saving
from weighbridge.domain.tips.introduced import tip_growth
from weighbridge.domain.tips.tip import Basis, Tip


class Zeros:
    """Every file is as many zeros as it has bytes."""

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        return bytes(max(0, min(length, node.size_bytes - offset)))


def file(path: str, size: int, digest: str | None = None) -> Entry:
    return Entry(path=path, kind=EntryKind.FILE, size_bytes=size, content_digest=digest)


def gone(path: str) -> Entry:
    return Entry(path=path, kind=EntryKind.WHITEOUT)


def tips(
    *entries: list[Entry],
    base_image_layers: int = 0,
    minimum_saving_bytes: int | None = 1,
    cmd: tuple[str, ...] | None = None,
) -> tuple[Tip, ...]:
    """Tips of an image in which line n made layer n (from 1)."""
    changesets = [Changeset(diff_id=f"sha256:{i}", entries=tuple(one)) for i, one in enumerate(entries)]
    layers = layers_of(changesets)
    origins = [
        LayerOrigin(instruction=None, text=f"RUN {i}", line=i + 1, from_base_image=i < base_image_layers)
        for i in range(len(layers))
    ]
    image = Image(image_id="sha256:image", config=ImageConfig(cmd=cmd), layers=layers)
    return find_tips(weigh_image(image, origins, Zeros()), minimum_saving_bytes=minimum_saving_bytes)


def short(found: tuple[Tip, ...]) -> list[tuple[str, int | None, int | None]]:
    assert all(tip.basis is Basis.COMPUTED and tip.explanation for tip in found)
    return [(tip.code, tip.saved_bytes, tip.line) for tip in found]


def test_rewritten_files_three_copies_count_two() -> None:
    found = tips([file("a", 10)], [file("a", 20)], [file("a", 30)])
    assert short(found) == [("rewritten-files", 20, 3), ("rewritten-files", 10, 2)]
    assert found[0].explanation.startswith("/a: added by line 2, and rewritten or removed by line 3.")


def test_rewritten_files_removed_files_are_named() -> None:
    (tip,) = tips([file(f"d/{i}", 10 + i) for i in range(6)], [gone("d")])
    assert (tip.saved_bytes, tip.line) == (75, 2)
    assert tip.explanation.startswith("/d/5, /d/4, /d/3 and 3 more: ")


def test_tips_skip_base_image_files() -> None:
    assert tips([file("a", 10)], [gone("a")], base_image_layers=1) == ()
    assert tips([file("var/lib/apt/lists/x", 10)], [file("b", 1)], base_image_layers=1) == ()


def test_copy_with_new_mode_is_not_new_content_over_base_image() -> None:
    layers = [file("a", 10, "x"), file("b", 7, "y")], [file("a", 10, "x"), file("b", 7, "z")]
    assert short(tips(*layers)) == [("permission-copies", 10, 2), ("rewritten-files", 7, 2)]
    assert short(tips(*layers, base_image_layers=1)) == [("permission-copies", 10, 2)]


def test_base_file_with_new_mode_then_content_has_one_extra_copy() -> None:
    layers = [file("a", 10, "x")], [file("a", 10, "x")], [file("a", 30, "y")]
    assert short(tips(*layers, base_image_layers=1)) == [("permission-copies", 10, 2)]
    assert short(tips(*layers)) == [("permission-copies", 10, 2), ("rewritten-files", 10, 3)]


@pytest.mark.parametrize(
    ("path", "tool"),
    [
        ("var/lib/apt/lists/deb_Packages", "apt"),
        ("var/cache/apk/x.apk", "apk"),
        ("root/.cache/pip/http/a", "pip"),
        ("home/app/.npm/_cacache/index", "npm"),
        ("usr/local/cargo/registry/cache/x", "cargo"),
        ("root/.composer/cache/files/x.zip", "composer"),
        ("root/.local/share/pnpm/store/v3/a", "pnpm"),
        ("usr/local/bundle/cache/x.gem", "gem"),
        ("root/.m2/repository/org/x.jar", "maven"),
    ],
)
def test_package_cache_at_documented_path_is_found(path: str, tool: str) -> None:
    (tip,) = tips([file("usr/bin/x", 5)], [file(path, 10)])
    assert short((tip,)) == [("package-cache", 10, 2)]
    assert tip.explanation.startswith(f"the cache of {tool}: 1 file below /{path.rpartition('/')[0]}. Fix: ")


@pytest.mark.parametrize(
    "path", ["var/lib/apt/listsx/a", "srv/root/.cache/pip/a", "var/cache/ldconfig/aux", "opt/apk/x"]
)
def test_package_cache_at_similar_path_is_skipped(path: str) -> None:
    assert tips([file(path, 10)]) == ()


def test_rewritten_files_of_package_manager_are_skipped() -> None:
    base = [file("var/cache/debconf/templates.dat", 50, "sha256:t"), file("srv/x", 20, "sha256:x")]
    assert short(tips(base, base, base_image_layers=1)) == [("permission-copies", 20, 2)]
    assert tips(base[:1], base[:1], base_image_layers=1) == ()


def test_cache_removed_by_later_layer_is_counted_once() -> None:
    assert short(tips([file("var/lib/apt/lists/a", 10)], [gone("var/lib/apt/lists/a")])) == [("rewritten-files", 10, 2)]


def test_hard_link_in_cache_has_no_bytes() -> None:
    link = Entry(path="root/.cache/pip/b", kind=EntryKind.HARD_LINK, link_target="root/.cache/pip/a")
    assert short(tips([file("root/.cache/pip/a", 10), link])) == [("package-cache", 10, 1)]


def test_cache_hard_linked_to_packages_saves_zero() -> None:
    link = Entry(path="srv/.venv/lib/a.py", kind=EntryKind.HARD_LINK, link_target="root/.cache/uv/a")
    assert tips([file("root/.cache/uv/a", 10), link]) == ()
    assert short(tips([file("root/.cache/uv/a", 10), file("root/.cache/uv/b", 7), link])) == [("package-cache", 7, 1)]


def test_cache_of_started_program_is_skipped() -> None:
    assert tips([file("go/pkg/mod/cache/x", 10)], cmd=("sh", "-c", "exec /usr/bin/go run .")) == ()
    assert tips([file("root/.m2/repository/a.jar", 10)], cmd=("java", "-jar", "/root/.m2/repository/a.jar")) == ()
    assert short(tips([file("go/pkg/mod/cache/x", 10)], cmd=("/app",))) == [("package-cache", 10, 1)]


def test_sparse_logs_are_one_tip() -> None:
    found = tips([file("var/log/lastlog", 30_000_000), file("var/log/faillog", 5_000_000), file("var/log/syslog", 9)])
    assert short(found) == [("sparse-logs", 35_000_000, 1)]


def test_tips_below_minimum_saving_are_omitted() -> None:
    layers = [file("a", 5_000)], [gone("a")]
    assert tips(*layers, minimum_saving_bytes=None) == ()
    assert len(tips(*layers, minimum_saving_bytes=5_000)) == 1
    assert [minimum_saving(size) for size in (1_000, 50_000_000, 900_000_000)] == [10_000, 500_000, 1_000_000]


@pytest.mark.parametrize(
    ("before", "after", "growth"),
    [
        ({}, {}, {}),
        ({"a": 90_000}, {"a": 90_000}, {"permission-copies": 0}),
        ({"a": 20_000}, {"a": 90_000}, {"permission-copies": 70_000}),
        ({}, {"a": 90_000}, {"permission-copies": 90_000}),
        ({"a": 90_000}, {"var/lib/apt/lists/a": 90_000}, {"permission-copies": 0, "package-cache": 90_000}),
    ],
)
def test_growth_of_tips_is_the_additional_saving_by_code(
    before: dict[str, int], after: dict[str, int], growth: dict[str, int]
) -> None:
    base, head = (weigh_files(files, files) for files in (before, after))
    assert tip_growth(base, head) == growth


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["/a/b/c", "/a/b/d"], "/a/b"),
        (["/a/b/c", "/a/x/c", "/a/b/d"], "/a"),
        (["/a/b/c"], "/a/b"),
        (["/a", "/b"], "/"),
        (["/ab/c", "/a/c"], "/"),
    ],
)
def test_common_folder_is_deepest_that_contains_all_paths(paths: list[str], folder: str) -> None:
    assert common_folder(paths) == folder


def test_file_of_layer_that_image_has_twice_is_counted_once() -> None:
    changeset = Changeset(diff_id="sha256:same", entries=(file("var/cache/apt/pkgcache.bin", 10),))
    origins = [LayerOrigin(instruction=None, text="RUN x", line=line, from_base_image=False) for line in (1, 2)]
    image = Image(image_id="sha256:image", config=ImageConfig(), layers=layers_of([changeset, changeset]))
    found = find_tips(weigh_image(image, origins, Zeros()), minimum_saving_bytes=1)
    assert ("package-cache", 10, 2) in [(tip.code, tip.saved_bytes, tip.line) for tip in found]
