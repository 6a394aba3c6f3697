"""The context of a Dockerfile is found by what it copies."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.globs import has_wildcards, match_path, match_segment
from weighbridge.plan.build_problem import BuildProblem
from weighbridge.plan.context import ContextSearch, FoundContext
from weighbridge.plan.evidence.model import BuildEvidence, EvidenceKind
from weighbridge.plan.git import list_tree, open_repository
from weighbridge.plan.ignore_file import IgnoreFile
from weighbridge.plan.tree import Tree


@pytest.fixture
def search(git_folder):
    """The context found for a Dockerfile in a repository of the given files."""

    def find(
        text: str, files: Mapping[str, str], *, path: str = "services/api/Dockerfile", target=None, evidence=()
    ) -> FoundContext:
        commit = git_folder.commit({path: text, **files})
        tree = Tree(list_tree(open_repository(git_folder.root), commit))

        def ignore_of(context: str) -> IgnoreFile | None:
            name = ".dockerignore" if context == "." else f"{context}/.dockerignore"
            return IgnoreFile(files[name].encode()) if name in files else None

        dockerfile = parse_dockerfile(text, path=path)
        return ContextSearch(
            dockerfile=dockerfile,
            tree=tree,
            name="services/api",
            ignore_of=ignore_of,
            target=target,
            evidence=evidence,
        ).find()

    return find


@pytest.fixture
def context_of(search):
    """The context that is found, which must be sure."""

    def find(*arguments, **options) -> str | None:
        found = search(*arguments, **options)
        assert found.problem is None, found.message
        return found.context

    return find


def said(kind: EvidenceKind, context: str, file: str = "Makefile") -> BuildEvidence:
    """Evidence about the Dockerfile of these tests."""
    return BuildEvidence(kind=kind, dockerfile="services/api/Dockerfile", context=context, file=file, line=3)


def test_dockerfile_without_copy_has_its_folder_as_context(context_of):
    assert context_of("FROM debian\nRUN true\n", {}) == "services/api"


def test_copy_of_everything_uses_own_folder(context_of):
    files = {"services/api/main.go": "", "main.go": ""}
    assert context_of("FROM debian\nCOPY . /src\n", files) == "services/api"


def test_own_folder_with_all_sources_is_context(context_of):
    files = {"services/api/main.go": "", "main.go": ""}
    assert context_of("FROM debian\nCOPY main.go ./Dockerfile /\n", files) == "services/api"


def test_root_with_all_sources_is_context(context_of):
    files = {"services/api/main.go": "", "go.mod": ""}
    assert context_of("FROM debian\nCOPY go.mod services/api /\nCOPY main.go* /\n", files) == "."


def test_dockerfile_at_root_is_built_there(context_of):
    assert context_of("FROM debian\nCOPY src/ /\n", {"src/a": ""}, path="Dockerfile") == "."


def test_paths_are_always_below_context(context_of):
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
def test_glob_with_match_decides_context(context_of, source, context):
    files = {"services/api/a.toml": "", "b.toml": "", "lock1": "", "sub/x.go": ""}
    assert context_of(f"FROM debian\nCOPY {source} /\n", files) == context


def test_mounts_count_as_copies(context_of):
    assert context_of("FROM debian\nRUN --mount=source=go.sum,target=/x true\n", {"go.sum": ""}) == "."


def test_source_outside_context_does_not_count(context_of):
    text = (
        "FROM debian AS build\nFROM debian\nCOPY --from=build /o /\nADD https://example.org/a.tar /\n"
        "ADD https://example.org/a.git /\nCOPY <<EOF /x\ntext\nEOF\n"
        "RUN --mount=type=cache,target=/c x\n"
    )
    assert context_of(text, {}) == "services/api"


def test_source_of_unknown_variable_leaves_context_unknown(search):
    found = search("FROM debian\nARG JAR\nCOPY ${JAR}/x /\n", {})
    assert (found.context, found.problem) == (None, BuildProblem.CONTEXT_UNKNOWN)
    assert "line 3 copies `${JAR}/x`, and JAR has no value" in found.message


def test_known_variables_are_expanded(context_of):
    assert context_of("ARG D=lib\nFROM debian\nARG D\nCOPY ${D}/x /\n", {"lib/x": ""}) == "."


def test_unused_stages_do_not_count(context_of):
    text = "FROM debian AS tests\nCOPY tests /\nFROM debian\nCOPY a /\n"
    files = {"tests/x": "", "services/api/a": ""}
    assert context_of(text, files) == "services/api"
    assert context_of(text, files, target="tests") == "."


def test_ignored_file_is_missing_in_context(context_of):
    files = {"services/api/a": "", "services/api/.dockerignore": "*\n!b\n", "a": ""}
    assert context_of("FROM debian\nCOPY a /\n", files) == "."


def test_folder_with_file_not_ignored_exists(context_of):
    ignore = "services/api/.dockerignore"
    files = {"services/api/d/a.log": "", "services/api/d/keep": "", "d/x": ""}
    assert context_of("FROM debian\nCOPY d /\n", files | {ignore: "d/*\n!d/keep\n"}) == "services/api"
    assert context_of("FROM debian\nCOPY d /\n", files | {ignore: "d/*\n"}) == "."


def test_path_below_symlink_counts_as_existing(context_of, git_folder):
    git_folder.write({"services/api/x": ""})
    (git_folder.root / "services/api/link").symlink_to("../../shared")
    assert context_of("FROM debian\nCOPY link/a /\n", {"shared/a": ""}) == "services/api"


def test_missing_source_in_every_folder_cannot_be_built_from_git(search):
    found = search("FROM debian\n\nCOPY a target/app.jar /\n", {"a": ""})
    assert (found.context, found.problem) == (".", BuildProblem.NOT_IN_GIT)
    assert found.message == (
        "services/api/Dockerfile:3: cannot be built from git alone: `target/app.jar` is not in the root. If an earlier"
        " step makes it, set its command (images.services/api.prepare, with --prepare), weigh the finished images"
        " (weighbridge compare OLD NEW, mode: compare), or leave this one out:"
        " discover.exclude in .github/weighbridge.yml. If the context is another folder, set"
        " images.services/api.context there."
    )


@pytest.mark.parametrize("copied", [".git", ".git/HEAD", "a .git"])
def test_git_folder_copied_is_not_comparable(search, copied):
    found = search(f"FROM debian\n\nCOPY {copied} /x/\n", {"a": ""})
    assert found.problem == BuildProblem.NOT_IN_GIT
    assert found.message == (
        f"services/api/Dockerfile:3: copies `{copied.split()[-1]}`, which every checkout has with other contents:"
        " base and head cannot be compared. Give the build what it needs as a build argument (the commit), or leave"
        " the image out: discover.exclude in .github/weighbridge.yml"
    )


def test_git_folder_and_missing_file_copied_asks_for_the_file(search):
    assert "from git alone: `dist` is not" in search("FROM debian\nCOPY dist .git /x/\n", {"a": ""}).message


def test_sources_in_different_folders_leave_context_unknown(search):
    found = search("FROM debian\nCOPY a /\nCOPY b /\n", {"a": "", "services/api/b": ""})
    assert (found.context, found.problem) == (None, BuildProblem.CONTEXT_UNKNOWN)
    assert found.message == (
        "services/api/Dockerfile: context unknown: line 2 copies `a`, and no folder above holds all that it copies. Set"
        " it in .github/weighbridge.yml: images: { services/api: { dockerfile: services/api/Dockerfile, context: FOLDER"
        " } }"
    )


def test_missing_source_of_dockerfile_at_root_keeps_root_as_context(search):
    found = search("FROM debian\nRUN --mount=source=x,target=/x true\n", {}, path="Dockerfile")
    assert (found.context, found.problem) == (".", BuildProblem.NOT_IN_GIT)


def test_sources_in_intermediate_folder_choose_it(context_of):
    assert context_of("FROM debian\nCOPY common/x /\n", {"services/common/x": ""}) == "services"


# --- COPY . -------------------------------------------------------------------------------------------------------


def test_folder_with_dockerfiles_only_is_never_context(context_of, search):
    path = "infra/docker/Dockerfile.worker"
    others = {"infra/docker/Dockerfile.api": "FROM a\n", "infra/docker/README.md": "", "main.js": ""}
    assert context_of("FROM node\nCOPY . .\n", others, path=path) == "."
    found = search("FROM node\nCOPY . .\n", {"infra/main.tf": ""}, path=path)
    assert (found.context, found.problem) == (None, BuildProblem.CONTEXT_UNKNOWN)


@pytest.mark.parametrize(
    ("commands", "context"),
    [
        ("COPY . .\nRUN pnpm install --frozen-lockfile", "."),
        ("COPY . .\nRUN go build ./cmd/worker", "."),
        ("COPY . /src\nWORKDIR /src/cmd/worker\nRUN go build .", "."),
        ("COPY . .\nRUN ./start.sh", "docker"),
        ('COPY . .\nCMD ["python", "main.py"]', "."),
    ],
)
def test_files_used_by_commands_choose_context_of_copy_all(context_of, commands, context):
    files = {
        "docker/start.sh": "",
        "pnpm-lock.yaml": "",
        "package.json": "",
        "go.mod": "",
        "cmd/worker/main.go": "",
        "main.py": "",
    }
    assert context_of(f"FROM a\nWORKDIR /src\n{commands}\n", files, path="docker/Dockerfile") == context


def test_glob_of_everything_counts_as_everything(context_of):
    files = {"docker/Dockerfile.b": "FROM a\n", "main.js": ""}
    assert context_of("FROM a\nCOPY * /app/\n", files, path="docker/Dockerfile") == "."


def test_copy_of_everything_with_unknown_command_is_unknown(search):
    found = search('FROM a\nCOPY . .\nCMD ["./app"]\n', {"tests/apps/x/app.go": ""}, path="tests/apps/Dockerfile")
    assert (found.context, found.problem) == (None, BuildProblem.CONTEXT_UNKNOWN)


def test_copy_of_everything_next_to_helpers_is_unknown(search):
    found = search("FROM a\nCOPY . /app\n", {"docker/notes.txt": "", "src/a": ""}, path="docker/Dockerfile")
    assert (found.context, found.problem) == (None, BuildProblem.CONTEXT_UNKNOWN)
    assert "which may be docker or ." in found.message


# --- evidence -----------------------------------------------------------------------------------------------------


def test_best_kind_of_evidence_decides(context_of, search):
    evidence = [said(EvidenceKind.WORKFLOW, "."), said(EvidenceKind.README, "services/api")]
    text, files = "FROM a\nCOPY . /\n", {"services/api/x": "", "x": ""}
    assert context_of(text, files, evidence=evidence) == "."
    assert search(text, files, evidence=evidence).because == "Makefile:3"


def test_contradicting_evidence_leaves_context_unknown(search):
    evidence = [said(EvidenceKind.SCRIPT, "."), said(EvidenceKind.SCRIPT, "services/api", "build.sh")]
    found = search("FROM a\nCOPY . /\n", {"services/api/x": "", "x": ""}, evidence=evidence)
    assert (found.context, found.problem) == (None, BuildProblem.CONTEXT_UNKNOWN)
    assert "the files of the repository disagree: . (Makefile:3) and services/api (build.sh:3)" in found.message


def test_evidence_with_missing_source_is_skipped(context_of):
    evidence = [said(EvidenceKind.WORKFLOW, "."), said(EvidenceKind.README, "services")]
    assert context_of("FROM a\nCOPY x /\n", {"services/x": ""}, evidence=evidence) == "services"


def test_missing_source_in_stated_context_names_evidence(search):
    found = search("FROM a\nCOPY bin/app /\n", {"x": ""}, evidence=[said(EvidenceKind.WORKFLOW, ".")])
    assert (found.context, found.problem, found.because) == (".", BuildProblem.NOT_IN_GIT, "Makefile:3")


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
def test_segment_is_matched_as_go_does(pattern, name, matches):
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
def test_path_is_matched_segment_by_segment(pattern, path, matches):
    assert match_path(pattern, path) is matches


def test_escaped_wildcard_is_none():
    assert [has_wildcards(text) for text in ("a*", "a\\*", "a\\\\*", "a")] == [True, False, True, False]


def test_many_stars_do_not_make_matching_slow():
    assert not match_segment("*a" * 300, "a" * 5_000 + "b")
    assert not match_path("**/" * 100 + "x", "a/" * 2_000 + "y")
    assert not IgnoreFile(("**/" * 50 + "x\n").encode()).ignores("a/" * 100 + "y")


def test_build_file_is_not_overruled_by_folder_of_same_name(search):
    files = {"api/main.go": "", "Makefile": ""}
    found = search(
        "FROM scratch\nCOPY api /\n",
        files,
        path="api/Dockerfile",
        evidence=[BuildEvidence(kind=EvidenceKind.SCRIPT, dockerfile="api/Dockerfile", context="api", file="Makefile")],
    )
    assert (found.context, found.problem) == ("api", BuildProblem.NOT_IN_GIT)


@pytest.mark.parametrize(
    ("copy", "start"),
    [
        ("COPY api /api", 'ENTRYPOINT ["/api"]'),
        ("COPY api /usr/bin/", 'CMD ["/usr/bin/api", "--port=1"]'),
        ("WORKDIR /app\nCOPY ./api ./", "CMD ./api"),
    ],
)
def test_folder_is_not_start_program(search, copy, start):
    found = search(f"FROM scratch\n{copy}\n{start}\n", {"api/main.go": ""}, path="api/Dockerfile")
    assert found.problem is BuildProblem.NOT_IN_GIT


def test_folder_of_same_name_is_context_unless_program(context_of):
    text = 'FROM node\nCOPY api /app\nCMD ["node", "/app/main.js"]\n'
    assert context_of(text, {"api/main.js": ""}, path="api/Dockerfile") == "."


def test_go_package_of_copied_context_tells_context(context_of):
    text = "FROM golang\nCOPY . /go/src/example.org/o/app/\nRUN go install example.org/o/app/test/hello\n"
    files = {"test/hello/main.go": "", "go.mod": ""}
    assert context_of(text, files, path="test/hello/Dockerfile") == "."


def test_absolute_path_below_copied_context_tells_context(context_of):
    text = "FROM golang\nWORKDIR /app\nCOPY . /app\nRUN chmod +x /app/scripts/build && /app/scripts/build\n"
    assert context_of(text, {"scripts/build": "", "package/x": ""}, path="package/Dockerfile") == "."


def made_by(context: str, dockerfile: str = "services/api/Dockerfile") -> BuildEvidence:
    return BuildEvidence(kind=EvidenceKind.SCRIPT, dockerfile=dockerfile, context=context, file="build.sh", line=3)


@pytest.mark.parametrize("copy", ["COPY app_*.deb ./", "COPY . /app"])
def test_context_made_by_earlier_step_cannot_be_built_from_git(search, copy):
    found = search(f"FROM a\n{copy}\n", {"services/api/x": ""}, evidence=(made_by("target/artifacts"),))
    assert (found.context, found.problem) == (None, BuildProblem.NOT_IN_GIT)
    assert found.message.startswith(
        "build.sh:3: cannot be built from git alone: its context `target/artifacts` is not in it."
    )


def test_missing_context_of_script_keeps_folder_with_all_sources(search):
    found = search("FROM a\nCOPY x /\n", {"services/api/x": ""}, evidence=(made_by("target/artifacts"),))
    assert (found.context, found.problem) == ("services/api", None)


@pytest.mark.parametrize("copy", ["COPY target/*.jar app.jar", "COPY *.jar app.jar"])
def test_pattern_of_built_files_that_git_lacks_cannot_be_built_from_git(search, copy):
    found = search(f"FROM a\n{copy}\n", {"services/api/src/x": ""})
    assert found.problem is BuildProblem.NOT_IN_GIT


def test_pattern_of_optional_files_may_match_nothing(context_of):
    assert context_of("FROM a\nCOPY package.json yarn.lock* ./\n", {"services/api/package.json": ""}) == "services/api"


def test_folder_with_dockerfile_only_is_no_source(search):
    """`ADD demo /` beside `docker/demo/Dockerfile` means the root's `demo`: no image copies its own Dockerfile."""
    path = "docker/demo/Dockerfile"
    assert search("FROM a\nADD demo /demo\n", {"demo/x": "1"}, path=path).context == "."
    assert search("FROM a\nADD demo /demo\n", {"docker/demo/x": "1", "demo/x": "1"}, path=path).context == "docker"


def test_make_behind_variable_needs_makefile(search):
    """Without a Makefile the folder is not what `make` builds: a script may clone that elsewhere."""
    text = "FROM a\nCOPY . /src\nWORKDIR /src\nRUN CGO_ENABLED=0 GOFLAGS=-v make clean binaries\n"
    path = "make/photon/registry/Dockerfile.binary"
    files = {"make/photon/registry/builder": "", "README": ""}
    assert search(text, files, path=path).problem is BuildProblem.CONTEXT_UNKNOWN
    assert search(text, {**files, "make/photon/Makefile": ""}, path=path).problem is BuildProblem.CONTEXT_UNKNOWN
    assert search(text, {**files, "make/photon/registry/Makefile": ""}, path=path).context == "make/photon/registry"


@pytest.mark.parametrize("path", ["infra/Dockerfile.worker", "infra/worker.Dockerfile", "infra/worker/Dockerfile"])
def test_folder_with_name_of_image_leaves_copy_of_everything_unknown(search, path):
    found = search("FROM node\nCOPY . .\n", {"apps/worker/x": "1", "other": "1"}, path=path)
    assert found.problem is BuildProblem.CONTEXT_UNKNOWN
    assert "which may be . or apps/worker" in found.because
    assert search("FROM node\nCOPY . .\n", {"apps/api/x": "1"}, path="infra/web.Dockerfile").context == "."


def test_only_folder_without_used_files_leaves_context_unknown(search):
    text = "FROM node\nCOPY . .\nRUN npm ci\n"
    found = search(text, {"web/package.json": "{}", "other": ""}, path="docker/Dockerfile")
    assert (found.context, found.problem) == (None, BuildProblem.CONTEXT_UNKNOWN)
    assert "`package.json`" in found.because
    assert search(text, {"package.json": "{}", "package-lock.json": ""}, path="docker/Dockerfile").context == "."
