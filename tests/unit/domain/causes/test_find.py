"""What made an image grow: each kind of cause, its place, and sums that are exact."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from images import layers_of
from size_causes import Side, causes, side, summary

from weighbridge.domain.causes import (
    CauseKind,
    RepositoryChanges,
    RepositorySide,
    explain_difference,
)
from weighbridge.domain.declarations import read_declarations
from weighbridge.domain.image.attached import Attached, BuildRecord
from weighbridge.domain.image.image import Image, ImageConfig
from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.origins import LayerOrigin
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.image.weighed import WeighedImage, compare, weigh_image

Weigh = Callable[..., Side]
SITE = "usr/lib/python3.12/site-packages"
PIP = "FROM python\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\n"
PYTHON = {"usr/bin/python3": b"p" * 100}


def dist(name: str, size_bytes: int, *requires: str, version: str = "1") -> dict[str, bytes]:
    """An installed Python distribution of exactly `size_bytes`."""
    folder = f"{SITE}/{name}-{version}.dist-info"
    lines = "".join(f"Requires-Dist: {one}\n" for one in requires)
    metadata = f"Name: {name}\nVersion: {version}\n{lines}\n".encode()
    record = f"{name}.py,,\n".encode()
    module = b"x" * (size_bytes - len(metadata) - len(record))
    return {f"{folder}/METADATA": metadata, f"{folder}/RECORD": record, f"{SITE}/{name}.py": module}


def test_causes_package_moves_to_final_stage_names_its_line(weighed: Weigh) -> None:
    tree = {"app.py": b"x"}
    stages = "FROM python AS build\nRUN pip install big\nFROM python\nCOPY app.py /app.py\n"
    base = weighed(stages, PYTHON, tree)
    head = weighed("FROM python\nRUN pip install big\nCOPY app.py /app.py\n", PYTHON, dist("big", 7000), tree)
    assert summary(causes(base, head, tree, tree))[0] == ("dependency", "big", "Dockerfile:2", 7000)


def test_causes_unread_manifest_is_note(weighed: Weigh) -> None:
    base, head = weighed(PIP, PYTHON, dist("a", 500)), weighed(PIP, PYTHON, dist("a", 900))
    sides = [
        RepositorySide(dockerfile=one[1].dockerfile, declarations=read_declarations(["package.json"], lambda _: b"{"))
        for one in (base, head)
    ]
    repository = RepositoryChanges(base=sides[0], head=sides[1])
    found = explain_difference(base[0], head[0], compare(base[0], head[0]).files, repository)
    assert len(found.notes) == 1
    assert found.notes[0].startswith("package.json: not read:")
    assert replace(repository, base=None).notes[0].startswith("head: package.json")


def test_declared_package_is_cause_of_its_dependencies(weighed: Weigh) -> None:
    old, new = b"idna\n", b"# data\nidna\npandas\n"
    idna = dist("idna", 500)
    brought = {**dist("pandas", 4000, "numpy"), **dist("numpy", 9000, "tiny"), **dist("tiny", 300)}
    base = weighed(PIP, PYTHON, {"requirements.txt": old}, idna)
    head = weighed(PIP, PYTHON, {"requirements.txt": new}, {**idna, **brought})
    found = causes(base, head, {"requirements.txt": old}, {"requirements.txt": new})
    assert summary(found)[0] == ("dependency", "pandas", "requirements.txt:3", 13_300)
    assert [(one.what, one.bytes, one.via) for one in found[0].parts] == [
        ("numpy", 9000, ()),
        ("tiny", 300, ("numpy",)),
    ]
    assert found[0].because == "new, 1"


def test_removed_package_is_named_at_its_line_in_base(weighed: Weigh) -> None:
    old, new = b"idna\nbig\n", b"idna\n"
    base = weighed(PIP, PYTHON, {"requirements.txt": old}, {**dist("idna", 500), **dist("big", 7000)})
    head = weighed(PIP, PYTHON, {"requirements.txt": new}, dist("idna", 500))
    found = causes(base, head, {"requirements.txt": old}, {"requirements.txt": new})
    assert summary(found)[0] == ("dependency", "big", "requirements.txt:2", -7000)
    assert found[0].because == "removed, was 1"


def test_package_with_newer_version_from_same_instruction_is_drift(weighed: Weigh) -> None:
    tree = {"requirements.txt": b"app\n"}
    base = weighed(PIP, PYTHON, tree, {**dist("app", 500, "lib"), **dist("lib", 1000, version="1")})
    head = weighed(PIP, PYTHON, tree, {**dist("app", 500, "lib"), **dist("lib", 3000, version="2")})
    found = causes(base, head, tree, tree)
    assert summary(found) == [("drift", "app", "requirements.txt:1", 2000)]
    assert [(one.what, one.bytes) for one in found[0].parts] == [("lib", 2000)]


def test_package_of_edited_lock_file_is_named_at_its_line(weighed: Weigh) -> None:
    lock = '[[package]]\nname = "lib"\nversion = "{}"\n'
    old = {"pyproject.toml": b'[project]\ndependencies = ["app"]\n', "uv.lock": lock.format(1).encode()}
    new = {**old, "uv.lock": lock.format(2).encode()}
    text = "FROM python\nCOPY . .\nRUN uv sync\n"
    base = weighed(text, PYTHON, old, {**dist("app", 500, "lib"), **dist("lib", 1000, version="1")})
    head = weighed(text, PYTHON, new, {**dist("app", 500, "lib"), **dist("lib", 3000, version="2")})
    assert summary(causes(base, head, old, new)) == [("dependency", "lib", "uv.lock:2", 2000)]


def test_edited_instruction_with_unchanged_declaration_is_cause(weighed: Weigh) -> None:
    tree = {"requirements.txt": b"app\n"}
    base = weighed(PIP, PYTHON, tree, dist("app", 500))
    head = weighed(PIP.replace("install", "install --pre"), PYTHON, tree, dist("app", 2500, version="2b1"))
    what = "RUN pip install --pre -r requirements.txt"
    assert summary(causes(base, head, tree, tree))[0] == ("dependency", what, "Dockerfile:3", 2000)


def test_file_of_repository_is_named_by_its_path(weighed: Weigh) -> None:
    text = "FROM busybox\nCOPY . /srv\n"
    old, new = {"a.txt": b"a"}, {"a.txt": b"a", "video/demo.mp4": b"v" * 5000}
    base = weighed(text, PYTHON, {"srv/a.txt": b"a"})
    head = weighed(text, PYTHON, {"srv/a.txt": b"a", "srv/video/demo.mp4": b"v" * 5000})
    found = causes(base, head, old, new)
    assert summary(found) == [("file", "video/demo.mp4", "video/demo.mp4", 5000)]
    assert found[0].via == ("Dockerfile:2",)


def test_new_folder_is_one_cause(weighed: Weigh) -> None:
    text = "FROM busybox\nCOPY . /srv\n"
    new = {f"static/{n}.png": b"p" * (100 + n) for n in range(9)}
    base, head = weighed(text, PYTHON, {}), weighed(text, PYTHON, {f"srv/{path}": data for path, data in new.items()})
    assert summary(causes(base, head, {}, new)) == [("file", "static/", "static", 936)]


def test_file_copied_by_edited_instruction_is_named_at_its_line(weighed: Weigh) -> None:
    tree = {"a": b"a", "big": b"b" * 900}
    base = weighed("FROM busybox\nCOPY a /\n", PYTHON, {"a": b"a"})
    head = weighed("FROM busybox\nCOPY a /\nCOPY big /\n", PYTHON, {"a": b"a"}, {"big": b"b" * 900})
    assert summary(causes(base, head, tree, tree)) == [("file", "big", "Dockerfile:3", 900)]


def test_edited_from_is_one_cause_with_its_packages(weighed: Weigh) -> None:
    base = weighed("FROM python:slim\nRUN true\n", dist("small", 500), {})
    head = weighed("FROM python:full\nRUN true\n", {**dist("small", 500), **dist("large", 8000)}, {})
    found = causes(base, head)
    assert summary(found) == [("base-image", "python:full", "Dockerfile:1", 8000)]
    assert found[0].because == "python:slim → python:full (recognised by FROM)"
    assert [(one.what, one.bytes) for one in found[0].parts] == [("large", 8000)]


def test_moved_base_image_is_drift(weighed: Weigh) -> None:
    text = "FROM python:slim\nRUN true\n"
    found = causes(weighed(text, {"a": b"a"}, {}), weighed(text, {"a": b"a" * 51}, {}))
    assert summary(found) == [("drift", "python:slim", "Dockerfile:1", 50)]


def test_causes_base_image_of_repository_is_no_drift(weighed: Weigh) -> None:
    text = "FROM shop/a\nRUN true\n"
    base, head = weighed(text, {"a": b"a"}, {}), weighed(text, {"a": b"a" * 51}, {})
    own = [replace(side(one[1], {}), own_images={"shop/a": "a"}) for one in (base, head)]
    repository = RepositoryChanges(base=own[0], head=own[1], dockerfile_path="b/Dockerfile")
    (found,) = explain_difference(base[0], head[0], compare(base[0], head[0]).files, repository).causes
    assert (found.kind, str(found.place)) == (CauseKind.BASE_IMAGE, "b/Dockerfile:1")
    assert found.because == "image a of this repository changed (recognised by FROM)"


def test_output_of_edited_instruction_is_split_by_kind(weighed: Weigh) -> None:
    base = weighed("FROM debian\nRUN true\n", PYTHON, {})
    written = {"var/lib/apt/lists/x": b"l" * 700, "var/log/x.log": b"g" * 300, "opt/model.bin": b"m" * 900}
    head = weighed("FROM debian\nRUN make-it\n", PYTHON, written)
    assert summary(causes(base, head)) == [
        ("instruction", "/opt/model.bin", "Dockerfile:2", 900),
        ("instruction", "apt package lists", "Dockerfile:2", 700),
        ("instruction", "logs", "Dockerfile:2", 300),
    ]


def test_package_cache_of_both_sides_grows_with_its_packages(weighed: Weigh) -> None:
    old, new = {"requirements.txt": b"idna\n"}, {"requirements.txt": b"idna\nbig\n"}
    cache = {"root/.cache/pip/a": b"c" * 50}
    base = weighed(PIP, PYTHON, old, {**dist("idna", 500), **cache})
    head = weighed(
        PIP, PYTHON, new, {**dist("idna", 500), **dist("big", 700), **cache, "root/.cache/pip/b": b"c" * 900}
    )
    found = causes(base, head, old, new)
    assert summary(found)[0] == ("dependency", "big", "requirements.txt:2", 1600)
    assert [(one.what, one.bytes) for one in found[0].parts] == [("pip cache", 900)]


def test_copy_for_mode_is_duplication_at_line_of_chmod(weighed: Weigh) -> None:
    file = {"srv/big": b"b" * 600}
    base = weighed("FROM busybox\nCOPY big /srv/\n", PYTHON, file)
    head = weighed("FROM busybox\nCOPY big /srv/\nRUN chmod 700 /srv/big\n", PYTHON, file, file)
    tree = {"big": b"b" * 600}
    assert summary(causes(base, head, tree, tree)) == [("duplication", "/srv/big", "Dockerfile:3", 600)]


def test_file_removed_by_later_layer_is_waste_at_line_of_writer(weighed: Weigh) -> None:
    text = "FROM busybox\nRUN get\nRUN rm /tmp/archive\n"
    base = weighed(text, PYTHON, {}, {})
    head = weighed(text.replace("get", "get more"), PYTHON, {"tmp/archive": b"a" * 800}, {"tmp/archive": None})
    found = causes(base, head)
    assert summary(found) == [("waste", "/tmp/archive", "Dockerfile:2", 800)]
    assert found[0].because == "removed by line 3, and still stored"


def test_moved_file_gives_no_cause(weighed: Weigh) -> None:
    text = "FROM busybox\nRUN make\n"
    base = weighed(text, PYTHON, {"opt/one": b"same" * 50})
    head = weighed(text, PYTHON, {"srv/two": b"same" * 50})
    assert causes(base, head) == []


def test_images_without_repository_have_causes(weighed: Weigh) -> None:
    base, head = weighed(PIP, PYTHON, {}, {}), weighed(PIP, PYTHON, {}, dist("app", 900))
    found = explain_difference(base[0], head[0], compare(base[0], head[0]).files, RepositoryChanges()).causes
    assert [(one.kind, one.what, one.bytes) for one in found] == [(CauseKind.DEPENDENCY, "app", 900)]


class _Zeros:
    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        return b"\0" * max(0, min(length, node.size_bytes - offset))


_PATHS = st.sampled_from(["a", "d", "d/a", "d/b", "var/log/x", "d/e/f", "opt/x"])
_ENTRY = st.builds(
    lambda path, kind, size, target: Entry(
        path=path,
        kind=kind,
        size_bytes=size if kind is EntryKind.FILE else 0,
        link_target=target if kind in {EntryKind.HARD_LINK, EntryKind.SYMLINK} else None,
    ),
    _PATHS,
    st.sampled_from([*EntryKind, EntryKind.FILE, EntryKind.FILE]),
    st.integers(0, 5000),
    _PATHS,
)
_LAYERS = st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.lists(_ENTRY, max_size=6)), max_size=4)


def _image(layers: list[tuple[int, bool, list[Entry]]]) -> WeighedImage:
    changesets = [
        Changeset(diff_id=f"sha256:{seed}-{hash(tuple(entries))}", entries=tuple(entries))
        for seed, _, entries in layers
    ]
    image = Image(
        image_id="x",
        config=ImageConfig(),
        layers=layers_of(changesets),
    )
    flags = sorted((is_base for _, is_base, _ in layers), reverse=True)
    origins = [LayerOrigin(instruction=None, text="RUN x", line=2, from_base_image=one) for one in flags]
    return weigh_image(image, origins, _Zeros())


@given(_LAYERS, _LAYERS)
def test_bytes_of_causes_add_up_for_any_layers(
    one: list[tuple[int, bool, list[Entry]]], other: list[tuple[int, bool, list[Entry]]]
) -> None:
    base, head = _image(one), _image(other)
    found = explain_difference(base, head, compare(base, head).files, RepositoryChanges()).causes
    assert sum(cause.bytes for cause in found) == head.image.unpacked_bytes - base.image.unpacked_bytes


def test_causes_edited_option_of_unchanged_manifest_names_instruction(weighed: Weigh) -> None:
    tree = {"requirements.txt": b"big\n"}
    base = weighed(PIP.replace("-r", "--dry-run -r"), PYTHON, tree, {})
    head = weighed(PIP, PYTHON, tree, dist("big", 7000))
    assert summary(causes(base, head, tree, tree))[0][2] == "Dockerfile:3"


def test_causes_lost_links_are_duplication_and_gained_links_take_it_back(weighed: Weigh, images: Any) -> None:
    text = "FROM busybox\nRUN make\n"
    content = b"same" * 50
    linked = {"opt/a": content, "opt/b": images.File(content=b"opt/a", kind=EntryKind.HARD_LINK)}
    copied = {"opt/a": content, "opt/b": content}
    lost = causes(weighed(text, PYTHON, linked), weighed(text, PYTHON, copied))
    assert summary(lost) == [("duplication", "/opt/b", "Dockerfile:2", 200)]
    assert lost[0].because == "a separate copy; base has a hard link"
    gained = causes(weighed(text, PYTHON, copied), weighed(text, PYTHON, linked))
    assert summary(gained) == [("duplication", "/opt/b", "Dockerfile:2", -200)]
    assert gained[0].because == "a hard link; base has a separate copy"


def test_base_image_without_from_is_named_by_its_metadata(weighed: Weigh) -> None:
    def because(named: str, **changes: Any) -> tuple[CauseKind, str]:
        sides = []
        for version, content in (("1", b"a"), ("2", b"a" * 51)):
            image = weighed("FROM x\nRUN true\n", {"a": content}, {})[0]
            made = {name: make(f"{named}:{version}") for name, make in changes.items()}
            sides.append(replace(image, image=replace(image.image, **made)))
        (found,) = explain_difference(*sides, compare(*sides).files, RepositoryChanges()).causes
        return found.kind, found.because

    name = "org.opencontainers.image.base.name"
    assert because("python", annotations=lambda one: {name: one}) == (
        CauseKind.BASE_IMAGE,
        f"python:1 → python:2 (recognised by the annotation {name})",
    )
    assert because("python", config=lambda one: ImageConfig(labels={name: one}))[1].endswith(f"the label {name})")
    assert (
        because(
            "python", attached=lambda one: Attached(build=BuildRecord(predicate="SLSA provenance v1", base_image=one))
        )[1]
        == "python:1 → python:2 (recognised by the build's provenance, SLSA provenance v1)"
    )
    assert because("") == (
        CauseKind.BASE_IMAGE,
        "the lowest layers differ (recognised by its layers, the lowest of the image)",
    )


def test_causes_archive_that_add_unpacks_is_the_file(weighed: Weigh) -> None:
    text = "FROM busybox\nADD data.tar.gz /data/\n"
    base, head = weighed(text, PYTHON, {"data/a": b"a" * 10}), weighed(text, PYTHON, {"data/b": b"b" * 900})
    found = causes(base, head, {"data.tar.gz": b"one"}, {"data.tar.gz": b"two"})
    assert summary(found)[0] == ("file", "data.tar.gz", "data.tar.gz", 890)
    assert found[0].because == "changed, unpacked by ADD"


def test_causes_requirements_mounted_under_another_name_are_declarations(weighed: Weigh) -> None:
    text = (
        "FROM python\n"
        "RUN --mount=type=bind,source=requirements.txt,target=/tmp/r.txt pip install -r /tmp/r.txt\n"
        "RUN --mount=type=bind,source=notes,target=/n true\n"
    )
    old, new = {"requirements.txt": b"idna\n"}, {"requirements.txt": b"idna\nbig\n"}
    base, head = (
        weighed(text, PYTHON, dist("idna", 5), {}),
        weighed(text, PYTHON, {**dist("idna", 5), **dist("big", 700)}, {}),
    )
    assert summary(causes(base, head, old, new))[0] == ("dependency", "big", "requirements.txt:2", 700)


def test_causes_beyond_limit_are_one(weighed: Weigh) -> None:
    names = [f"p{number}" for number in range(203)]
    listed = "\n".join(names).encode()
    packages = {path: data for name in names for path, data in dist(name, 500).items()}
    base = weighed(PIP, PYTHON, {"requirements.txt": b""}, {})
    head = weighed(PIP, PYTHON, {"requirements.txt": listed}, packages)
    found = causes(base, head, {"requirements.txt": b""}, {"requirements.txt": listed})
    assert len(found) == 201
    assert summary(found)[-1][:2] == ("not-attributed", "4 smaller causes")
    assert found[-1].because == "too many to list"


def test_causes_new_package_of_unchanged_extra_is_drift_of_its_line(weighed: Weigh) -> None:
    tree = {"requirements.txt": b"web[fast]\n"}
    old = dist("web", 500, "speed; extra == 'fast'")
    new = {**old, **dist("speed", 900)}
    base, head = weighed(PIP, PYTHON, tree, old), weighed(PIP, PYTHON, tree, new)
    assert summary(causes(base, head, tree, tree)) == [("drift", "web", "requirements.txt:1", 900)]


def test_causes_dependency_of_relocked_package_names_lock_entry(weighed: Weigh) -> None:
    lock = '[[package]]\nname = "app"\nversion = "{}"\n'
    old = {"pyproject.toml": b'[project]\ndependencies = ["app"]\n', "uv.lock": lock.format(1).encode()}
    new = {**old, "uv.lock": lock.format(2).encode()}
    text = "FROM python\nCOPY . .\nRUN uv sync\n"
    base = weighed(text, PYTHON, old, dist("app", 500))
    head = weighed(text, PYTHON, new, {**dist("app", 500, "lib", version="2"), **dist("lib", 700)})
    assert summary(causes(base, head, old, new)) == [("dependency", "app", "uv.lock:2", 700)]


def test_causes_record_of_installer_without_packages_is_its_own(weighed: Weigh) -> None:
    cache = {"root/.cache/pip/a": b"c" * 50}
    base = weighed(PIP, PYTHON, {}, cache)
    head = weighed(PIP, PYTHON, {}, {**cache, "root/.cache/pip/b": b"c" * 900})
    assert summary(causes(base, head)) == [("instruction", "pip cache", "Dockerfile:3", 900)]


def test_causes_packages_of_edited_instruction_are_one_cause_for_each_ecosystem(weighed: Weigh) -> None:
    text = "FROM python\nRUN pip install -r {0} && npm install {0}\n"
    modules = {f"usr/lib/node_modules/{name}/package.json": b'{"name": "x", "version": "1"}' for name in ("x", "y")}
    base = weighed(text.format("$A"), PYTHON, {})
    head = weighed(text.format("$B"), PYTHON, {**dist("a", 500), **dist("b", 300), **modules})
    found = causes(base, head)
    what = "RUN pip install -r $B && npm install $B"
    assert [(one.what, one.bytes) for one in found] == [(what, 800), (what, 58)]
    assert [one.what for one in found[0].parts] == ["a", "b"]


def test_causes_dependencies_of_unchanged_line_are_one_drift(weighed: Weigh) -> None:
    tree = {"requirements.txt": b"app\n"}
    app = dist("app", 500, "x", "y")
    base = weighed(PIP, PYTHON, tree, {**app, **dist("x", 300), **dist("y", 300)})
    head = weighed(PIP, PYTHON, tree, {**app, **dist("x", 400, version="2"), **dist("y", 900, version="2")})
    (found,) = causes(base, head, tree, tree)
    assert summary([found]) == [("drift", "app", "requirements.txt:1", 700)]
    assert [one.what for one in found.parts] == ["y", "x"]


def test_causes_file_of_another_image_is_named_at_its_copy(weighed: Weigh) -> None:
    text = "FROM debian\nCOPY --from=busybox:latest /bin/busybox /opt/\n"
    base, head = weighed(text, PYTHON, {}), weighed(text, PYTHON, {"opt/busybox": b"b" * 900})
    assert summary(causes(base, head)) == [("instruction", "/opt/busybox", "Dockerfile:2", 900)]


def test_causes_own_jar_and_library_inside_are_named_at_the_build(weighed: Weigh) -> None:
    def archive(library_bytes: int) -> bytes:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as made:
            made.writestr("BOOT-INF/lib/core-6.1.0.jar", b"x" * library_bytes)
            made.writestr("a.class", b"z" * 500)
        return data.getvalue()

    text = "FROM maven AS b\nCOPY . /src\nRUN mvn package\nFROM debian\nCOPY --from=b /app.jar /opt/app.jar\n"
    base, head = weighed(text, PYTHON, {}), weighed(text, PYTHON, {"opt/app.jar": archive(4_000)})
    found = causes(base, head, {}, {"A.java": b"class"})
    assert [(one.kind.value, one.what, str(one.place)) for one in found] == [
        ("dependency", "core", "Dockerfile:5"),
        ("instruction", "/opt/app.jar", "Dockerfile:3"),
    ]
    assert found[0].bytes == 4_000


def test_causes_dependencies_over_limit_are_note(weighed: Weigh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.domain.packages.graph.MAX_EDGES", 1)
    listed = {"requirements.txt": b"a\n"}
    packages = {**dist("a", 500, "b", "c"), **dist("b", 300), **dist("c", 300)}
    base, head = weighed(PIP, PYTHON, listed, {}), weighed(PIP, PYTHON, listed, packages)
    sides = [RepositorySide(dockerfile=one[1].dockerfile) for one in (base, head)]
    repository = RepositoryChanges(base=sides[0], head=sides[1])
    found = explain_difference(base[0], head[0], compare(base[0], head[0]).files, repository)
    assert [note.partition(" dependencies")[0] for note in found.notes] == ["pip packages have more than 1000000"]
