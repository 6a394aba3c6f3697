"""The context of a Dockerfile is found by what it copies."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.errors import DockerfileError
from weighbridge.plan.context import find_context
from weighbridge.plan.git import list_tree, open_repository
from weighbridge.plan.globs import has_wildcards, match_path, match_segment
from weighbridge.plan.ignore_file import IgnoreFile
from weighbridge.plan.tree import Tree


@pytest.fixture
def context_of(git_folder):
    """The context that is found for a Dockerfile in a repository of the given files."""

    def find(text: str, files: Mapping[str, str], *, path: str = "services/api/Dockerfile", target=None) -> str:
        commit = git_folder.commit({path: text, **files})
        tree = Tree(list_tree(open_repository(git_folder.root), commit))

        def ignore_of(context: str) -> IgnoreFile | None:
            name = ".dockerignore" if context == "." else f"{context}/.dockerignore"
            return IgnoreFile(files[name].encode()) if name in files else None

        dockerfile = parse_dockerfile(text, path=path)
        return find_context(dockerfile, tree, name="services/api", ignore_of=ignore_of, target=target)

    return find


def test_what_copies_nothing_is_built_in_its_own_folder(context_of):
    assert context_of("FROM debian\nRUN true\n", {}) == "services/api"


def test_what_copies_everything_is_built_in_its_own_folder(context_of):
    assert context_of("FROM debian\nCOPY . /src\n", {"main.go": ""}) == "services/api"


def test_the_own_folder_wins_where_all_is_there(context_of):
    files = {"services/api/main.go": "", "main.go": ""}
    assert context_of("FROM debian\nCOPY main.go ./Dockerfile /\n", files) == "services/api"


def test_the_root_is_taken_where_only_there_is_everything(context_of):
    files = {"services/api/main.go": "", "go.mod": ""}
    assert context_of("FROM debian\nCOPY go.mod services/api /\nCOPY main.go* /\n", files) == "."


def test_a_dockerfile_at_the_root_is_built_there(context_of):
    assert context_of("FROM debian\nCOPY src/ /\n", {"src/a": ""}, path="Dockerfile") == "."


def test_paths_are_below_the_context_whatever_they_say(context_of):
    assert context_of("FROM debian\nCOPY /main.go ../main.go /\n", {"services/api/main.go": ""}) == "services/api"


@pytest.mark.parametrize(
    ("source", "context"),
    [
        ("*.toml", "services/api"),
        ("lock?", "."),
        ("lock[0-9]", "."),
        ("sub/*.go", "."),
        ("**/x.go", "."),
        ("nothing*", "services/api"),
        ("*", "services/api"),
    ],
)
def test_a_glob_decides_where_it_matches(context_of, source, context):
    files = {"services/api/a.toml": "", "b.toml": "", "lock1": "", "sub/x.go": ""}
    assert context_of(f"FROM debian\nCOPY {source} /\n", files) == context


def test_mounts_count_as_copies(context_of):
    assert context_of("FROM debian\nRUN --mount=source=go.sum,target=/x true\n", {"go.sum": ""}) == "."


def test_what_is_not_from_the_context_does_not_count(context_of):
    text = (
        "FROM debian AS build\nFROM debian\nCOPY --from=build /o /\nADD https://example.org/a.tar /\n"
        "ADD https://example.org/a.git /\nCOPY <<EOF /x\ntext\nEOF\nCOPY $UNKNOWN/x /\n"
        "RUN --mount=type=cache,target=/c x\n"
    )
    assert context_of(text, {}) == "services/api"


def test_variables_that_are_known_are_expanded(context_of):
    assert context_of("ARG D=lib\nFROM debian\nARG D\nCOPY ${D}/x /\n", {"lib/x": ""}) == "."


def test_stages_that_are_not_built_do_not_count(context_of):
    text = "FROM debian AS tests\nCOPY tests /\nFROM debian\nCOPY a /\n"
    files = {"tests/x": "", "services/api/a": ""}
    assert context_of(text, files) == "services/api"
    assert context_of(text, files, target="tests") == "."


def test_what_is_ignored_is_not_there(context_of):
    files = {"services/api/a": "", "services/api/.dockerignore": "*\n!b\n", "a": ""}
    assert context_of("FROM debian\nCOPY a /\n", files) == "."


def test_a_folder_is_there_when_something_of_it_is_not_ignored(context_of):
    ignore = "services/api/.dockerignore"
    files = {"services/api/d/a.log": "", "services/api/d/keep": "", "d/x": ""}
    assert context_of("FROM debian\nCOPY d /\n", files | {ignore: "d/*\n!d/keep\n"}) == "services/api"
    assert context_of("FROM debian\nCOPY d /\n", files | {ignore: "d/*\n"}) == "."


def test_what_lies_behind_a_symlink_is_taken_to_be_there(context_of, git_folder):
    git_folder.write({"services/api/x": ""})
    (git_folder.root / "services/api/link").symlink_to("../../shared")
    assert context_of("FROM debian\nCOPY link/a /\n", {"shared/a": ""}) == "services/api"


def test_a_missing_source_is_named_with_its_line_and_what_to_set(context_of):
    with pytest.raises(DockerfileError) as caught:
        context_of("FROM debian\n\nCOPY a target/app.jar /\n", {"a": ""})
    assert str(caught.value) == (
        "services/api/Dockerfile:3: the source 'target/app.jar' is neither in services/api nor in the repository's root"
        " (git's files, without what .dockerignore leaves out). Set images.services/api.context in"
        " .github/weighbridge.yml; a file that is made before the build has to be made there too."
    )


def test_sources_of_two_folders_are_both_named(context_of):
    with pytest.raises(DockerfileError, match=r":2: the source 'a' is not in services/api, and b \(line 3\) is not in"):
        context_of("FROM debian\nCOPY a /\nCOPY b /\n", {"a": "", "services/api/b": ""})


def test_a_missing_source_at_the_root_is_named(context_of):
    with pytest.raises(DockerfileError, match=r"^Dockerfile:2: the mount of 'x' is not in the repository"):
        context_of("FROM debian\nRUN --mount=source=x,target=/x true\n", {}, path="Dockerfile")


# --- globs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "", True),
        ("*.go", "a.go", True),
        ("*.go", ".go", True),
        ("a*b*c", "aXbYbc", True),
        ("a*b*c", "aXbYb", False),
        ("?", "é", True),
        ("[a-c]", "b", True),
        ("[^a-c]", "b", False),
        ("[]a]", "]", False),
        ("[\\]a]", "]", True),
        ("\\*", "*", True),
        ("\\*", "a", False),
        ("[", "[", False),
        ("a\\", "a\\", False),
    ],
)
def test_a_segment_is_matched_as_go_does(pattern, name, matches):
    assert match_segment(pattern, name) is matches


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("examples/**", "examples/a/b", True),
        ("examples/**", "examples", True),
        ("**/Dockerfile", "Dockerfile", True),
        ("**/Dockerfile", "a/b/Dockerfile", True),
        ("a/**/c", "a/c", True),
        ("a/*/c", "a/b/b/c", False),
        ("services/*", "services/api", True),
        ("api", "services/api", False),
        ("a[b", "a[b", True),
    ],
)
def test_a_path_is_matched_segment_by_segment(pattern, path, matches):
    assert match_path(pattern, path) is matches


def test_an_escaped_wildcard_is_none():
    assert [has_wildcards(text) for text in ("a*", "a\\*", "a\\\\*", "a")] == [True, False, True, False]


def test_many_stars_do_not_make_matching_slow():
    assert not match_segment("*a" * 300, "a" * 5_000 + "b")
    assert not match_path("**/" * 100 + "x", "a/" * 2_000 + "y")
    assert not IgnoreFile(("**/" * 50 + "x\n").encode()).ignores("a/" * 100 + "y")
