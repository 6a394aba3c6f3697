"""Content keys change exactly if an input of the build changes."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.plan.content_key import BuildInputs, KeyedTree, keyed_tree
from weighbridge.plan.git import EntryType, TreeEntry, open_repository
from weighbridge.plan.ignore_lookup import IgnoreFiles
from weighbridge.plan.image_plan import ContextKind, NamedContext, PlannedSide
from weighbridge.plan.tree import Tree

DOCKERFILE = "FROM debian:bookworm AS build\nCOPY src /src\nCOPY *.txt /notes/\nFROM build AS run\nRUN true\n"
CHECKOUT = "settings"


def entry(path: str, sha: str, kind: EntryType = EntryType.FILE) -> TreeEntry:
    return TreeEntry(path=path, type=kind, sha=sha * 40)


ENTRIES = {
    "api/Dockerfile": entry("api/Dockerfile", "1"),
    "api/src/main.c": entry("api/src/main.c", "2"),
    "api/src/deep/util.c": entry("api/src/deep/util.c", "3"),
    "api/a.txt": entry("api/a.txt", "4"),
    "api/README.md": entry("api/README.md", "5"),
    "api/src/ignored.o": entry("api/src/ignored.o", "6"),
    "api/.dockerignore": entry("api/.dockerignore", "7"),
    "api/.gitattributes": entry("api/.gitattributes", "8"),
    ".gitattributes": entry(".gitattributes", "9"),
    "web/.gitattributes": entry("web/.gitattributes", "a"),
    "web/src/main.c": entry("web/src/main.c", "b"),
}
SIDE = PlannedSide(
    dockerfile="api/Dockerfile",
    context="api",
    parsed=parse_dockerfile(DOCKERFILE, path="api/Dockerfile"),
    build_args={"A": "1", "B": "2"},
)
INPUTS = BuildInputs(side=SIDE, circumstances=frozenset({"engine 26", "secret npm"}))


def with_side(**changes: object) -> BuildInputs:
    return replace(INPUTS, side=replace(SIDE, **changes))


def key(entries: dict[str, TreeEntry], inputs: BuildInputs = INPUTS, checkout: str = CHECKOUT) -> str:
    tree = Tree(sorted(entries.values(), key=lambda one: one.path))
    blobs = {"7" * 40: b"**/*.o\n"} | {digit * 40: b"* text\n" for digit in "89af"}
    return KeyedTree(tree, IgnoreFiles(tree, blobs), checkout).key(inputs)


SEEN = ("api/Dockerfile", "api/src/main.c", "api/src/deep/util.c", "api/a.txt", "api/.gitattributes", ".gitattributes")
UNSEEN = ("api/README.md", "api/src/ignored.o", "web/.gitattributes", "web/src/main.c")


@pytest.mark.parametrize("path", SEEN)
def test_any_file_of_build_changes_key(path: str) -> None:
    one = ENTRIES[path]
    changed = [replace(one, sha="f" * 40), replace(one, type=EntryType.EXECUTABLE)]
    keys = {key(ENTRIES), *(key({**ENTRIES, path: other}) for other in changed)}
    assert len(keys) == 3
    if path != "api/Dockerfile":
        assert key({name: one for name, one in ENTRIES.items() if name != path}) not in keys


@pytest.mark.parametrize("path", UNSEEN)
def test_file_outside_build_keeps_key(path: str) -> None:
    assert key({**ENTRIES, path: replace(ENTRIES[path], sha="f" * 40)}) == key(ENTRIES)
    assert key({name: one for name, one in ENTRIES.items() if name != path}) == key(ENTRIES)


def test_ignore_file_is_part_of_key() -> None:
    without = {name: one for name, one in ENTRIES.items() if name != "api/.dockerignore"}
    assert key(without) != key(ENTRIES)


def test_new_file_under_copied_folder_and_renamed_one_change_key() -> None:
    added = {**ENTRIES, "api/src/new.c": entry("api/src/new.c", "2")}
    renamed = {name: one for name, one in ENTRIES.items() if name != "api/src/main.c"}
    renamed["api/src/other.c"] = replace(ENTRIES["api/src/main.c"], path="api/src/other.c")
    assert len({key(ENTRIES), key(added), key(renamed)}) == 3


def test_moved_folder_with_same_files_has_same_key() -> None:
    moved = {
        path.replace("api/", "srv/", 1): replace(one, path=path.replace("api/", "srv/", 1))
        for path, one in ENTRIES.items()
        if path != "api/.gitattributes"
    }
    inputs = with_side(dockerfile="srv/Dockerfile", context="srv")
    here = {path: one for path, one in ENTRIES.items() if path != "api/.gitattributes"}
    assert key(moved, inputs) == key(here)


def test_context_copied_whole_or_with_link_counts_all_files() -> None:
    whole = with_side(parsed=parse_dockerfile("FROM scratch\nCOPY . /\n", path="api/Dockerfile"))
    changed = {**ENTRIES, "api/README.md": replace(ENTRIES["api/README.md"], sha="f" * 40)}
    assert key(changed, whole) != key(ENTRIES, whole)
    linked = {"api/src": entry("api/src", "c", EntryType.SYMLINK), "api/a.txt": ENTRIES["api/a.txt"]}
    linked |= {name: ENTRIES[name] for name in ("api/Dockerfile", "api/README.md")}
    assert key(linked) != key({**linked, "api/README.md": replace(ENTRIES["api/README.md"], sha="f" * 40)})


@pytest.mark.parametrize(
    "other",
    [
        with_side(target="build"),
        with_side(build_args={"A": "1", "B": "3"}),
        with_side(build_args={"A": "1"}),
        with_side(build_args={"A": "1B", "": "2"}),
        replace(INPUTS, platform="linux/arm64"),
        replace(INPUTS, circumstances=frozenset({"engine 27", "secret npm"})),
        replace(INPUTS, circumstances=frozenset({"engine 26"})),
    ],
)
def test_build_options_are_part_of_key(other: BuildInputs) -> None:
    assert key(ENTRIES, other) != key(ENTRIES)


def test_order_of_arguments_does_not_matter_and_checkout_does() -> None:
    assert key(ENTRIES, with_side(build_args={"B": "2", "A": "1"})) == key(ENTRIES)
    assert key(ENTRIES, checkout="other") != key(ENTRIES)


def test_additional_contexts_are_part_of_key() -> None:
    def named(name: str, kind: ContextKind, value: str, **upstream: str) -> BuildInputs:
        return replace(with_side(contexts={name: NamedContext(kind=kind, value=value)}), upstream=upstream)

    folder = named("more", ContextKind.FOLDER, "web")
    changed = {**ENTRIES, "web/src/main.c": replace(ENTRIES["web/src/main.c"], sha="f" * 40)}
    keys = [
        key(ENTRIES),
        key(ENTRIES, folder),
        key(changed, folder),
        key(ENTRIES, named("other", ContextKind.FOLDER, "web")),
        key(ENTRIES, named("more", ContextKind.IMAGE, "web", web="1")),
        key(ENTRIES, named("more", ContextKind.IMAGE, "web", web="2")),
        key(ENTRIES, named("more", ContextKind.REMOTE, "docker-image://web")),
    ]
    assert len(set(keys)) == len(keys)


_names = st.sampled_from(["a", "b", "ab", "a/b", "b/a", "c.txt", "a1"])
_shas = st.sampled_from(["1", "2", "3"])
_trees = st.dictionaries(_names, st.tuples(_shas, st.sampled_from([EntryType.FILE, EntryType.EXECUTABLE])), max_size=5)
_arguments = st.dictionaries(st.sampled_from(["A", "B", "AB"]), st.sampled_from(["", "1", "A", "1A"]), max_size=3)


@given(first=st.tuples(_trees, _arguments), second=st.tuples(_trees, _arguments))
def test_key_is_equal_only_for_equal_inputs(first, second) -> None:
    """No two different lists of files and arguments may read alike."""
    parsed = parse_dockerfile("FROM scratch\nCOPY . /\n", path="Dockerfile")
    keys = []
    for files, arguments in (first, second):
        tree = {path: TreeEntry(path=f"x/{path}", type=kind, sha=sha) for path, (sha, kind) in files.items()}
        tree = {one.path: one for one in tree.values()} | {"Dockerfile": entry("Dockerfile", "d")}
        inputs = BuildInputs(
            side=PlannedSide(dockerfile="Dockerfile", context="x", parsed=parsed, build_args=arguments)
        )
        whole = Tree(list(tree.values()))
        keys.append(KeyedTree(whole, IgnoreFiles(whole, {}), CHECKOUT).key(inputs))
    assert (keys[0] == keys[1]) == (first == second)


def test_filters_and_attributes_of_clone_are_part_of_key(git_folder) -> None:
    git_folder.commit({"Dockerfile": "FROM scratch\nCOPY a /\n", "a": "1"})
    repository = open_repository(git_folder.root)
    inputs = with_side(dockerfile="Dockerfile", context=".")

    def now() -> str:
        return keyed_tree(repository, "HEAD", [inputs.side]).key(inputs)

    keys = [now()]
    git_folder.git("config", "core.autocrlf", "input")
    keys.append(now())
    git_folder.git("config", "filter.lfs.smudge", "git-lfs smudge -- %f")
    keys.append(now())
    (git_folder.root / ".git/info").mkdir(exist_ok=True)
    (git_folder.root / ".git/info/attributes").write_text("* text eol=crlf\n")
    keys.append(now())
    assert len(set(keys)) == 4
    git_folder.git("config", "user.email", f"{uuid.uuid4()}@example.org")
    assert now() == keys[-1]


def test_keys_come_from_commits_and_not_from_working_tree(git_folder, tmp_path: Path) -> None:
    git_folder.commit({"Dockerfile": "FROM scratch\nCOPY a /\n", "a": "1", ".dockerignore": "b\n"})
    repository = open_repository(git_folder.root)
    inputs = with_side(dockerfile="Dockerfile", context=".")
    before = keyed_tree(repository, "HEAD", [inputs.side]).key(inputs)
    git_folder.write({"a": "2", "b": "3"})
    assert keyed_tree(repository, "HEAD", [inputs.side]).key(inputs) == before


@pytest.mark.parametrize(
    ("image", "is_seen"),
    [("example.org/base:1", True), ("team-base:1", True), ("gcr.io/distroless/static", False), ("python:3", False)],
)
def test_base_image_with_possible_onbuild_adds_whole_context_to_key(image: str, is_seen: bool) -> None:
    inputs = with_side(parsed=parse_dockerfile(f"FROM {image}\nCOPY src /src\n", path="api/Dockerfile"))
    changed = {**ENTRIES, "api/README.md": replace(ENTRIES["api/README.md"], sha="f" * 40)}
    assert (key(changed, inputs) != key(ENTRIES, inputs)) is is_seen
