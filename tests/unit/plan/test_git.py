"""Git commands with safe options, and complete reading of their output."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge.errors import GitError
from weighbridge.plan.checkout import CHECKOUT_PREFIX, checkout_trees
from weighbridge.plan.git import (
    EntryType,
    PathStatus,
    changed_tree,
    default_branch,
    diff_trees,
    list_tree,
    merge_base,
    open_repository,
    parents,
    resolve_commit,
    uncommitted_paths,
)
from weighbridge.plan.git_blobs import missing_object, read_blobs, read_present_blobs
from weighbridge.temporary_folders import remove_stale_folders

HOLD_A_CHECKOUT = """
import pathlib, sys
from weighbridge.plan.checkout import checkout_trees
from weighbridge.plan.git import open_repository

repository = open_repository(pathlib.Path(sys.argv[1]))
with checkout_trees(repository, [sys.argv[2]], folder=pathlib.Path(sys.argv[3])):
    print("ready", flush=True)
    sys.stdin.read()
"""


def refused(call, *arguments, **options) -> str:
    with pytest.raises(GitError) as caught:
        call(*arguments, **options)
    return str(caught.value)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def shallow(git_folder, new_git_folder):
    """A clone that has only the newest of three commits."""
    commits = [git_folder.commit({"a": str(number)}) for number in range(3)]
    clone = new_git_folder("clone")
    clone.git("remote", "add", "origin", f"file://{git_folder.root}")
    clone.git("fetch", "--quiet", "--depth=1", "origin", "main")
    clone.git("checkout", "--quiet", "--detach", "FETCH_HEAD")
    return clone, commits


# --- opening ------------------------------------------------------------------------------------------------------


def test_repository_is_found_from_subfolder(git_folder):
    git_folder.commit({"a/b/c": "x"})
    repository = open_repository(git_folder.root / "a" / "b")
    assert (repository.root, repository.name) == (git_folder.root, "shop")
    assert not repository.is_shallow
    assert not repository.is_bare


def test_linked_working_tree_has_name_of_repository(git_folder, tmp_path):
    git_folder.commit()
    git_folder.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "elsewhere"))
    repository = open_repository(tmp_path / "elsewhere")
    assert (repository.root, repository.name) == (tmp_path / "elsewhere", "shop")


def test_bare_repository_can_be_read(new_git_folder, git_folder):
    commit = git_folder.commit({"a": "1"})
    bare = new_git_folder("mirror.git", "--bare")
    git_folder.git("push", "--quiet", str(bare.root), "main")
    repository = open_repository(bare.root)
    assert (repository.name, repository.is_bare, uncommitted_paths(repository)) == ("mirror", True, ())
    with checkout_trees(repository, [commit]) as trees:
        assert files_of(trees[commit]) == {"a": b"1"}


def test_folder_without_repository_error_names_remedy(tmp_path):
    assert refused(open_repository, tmp_path) == (
        f"{tmp_path}: not a git repository (nor is any folder above it). Name one with --repo DIR."
    )
    gone = tmp_path / "gone"
    assert refused(open_repository, gone) == f"{gone}: no such folder. Name a git repository with --repo DIR."


def test_repository_of_other_user_names_safe_directory(git_folder, monkeypatch):
    commit = git_folder.commit({"a": "1"})
    # Git's own switch for testing this without being root.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert refused(open_repository, git_folder.root) == (
        f"{git_folder.root}: git refuses to read it: the folder belongs to another user."
        f" If you trust it: git config --global --add safe.directory {git_folder.root}"
    )
    trusted = open_repository(git_folder.root, trust_owner=True)
    assert resolve_commit(trusted, "HEAD") == commit
    with checkout_trees(trusted, [commit]) as trees:
        assert files_of(trees[commit]) == {"a": b"1"}


def test_missing_git_raises_error(git_folder, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    message = refused(open_repository, git_folder.root)
    assert message == "git is not installed, or not on PATH. Install git 2.31 or later."


def test_variables_of_git_hook_do_not_lead_astray(git_folder, new_git_folder, monkeypatch):
    commit = git_folder.commit({"a": "1"})
    other = new_git_folder("other")
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.root / ".git" / "index"))
    assert resolve_commit(open_repository(git_folder.root), "HEAD") == commit


# --- revisions ----------------------------------------------------------------------------------------------------


def test_branches_tags_and_abbreviations_resolve(git_folder):
    first = git_folder.commit({"a": "1"})
    git_folder.git("tag", "-a", "v1", "-m", "one")
    second = git_folder.commit({"a": "2"})
    repository = open_repository(git_folder.root)
    assert [resolve_commit(repository, one) for one in ("main", "v1", "HEAD~1", second[:9])] == [
        second, first, first, second,
    ]  # fmt: skip
    assert parents(repository, second) == (first,)
    assert parents(repository, first) == ()


@pytest.mark.parametrize("revision", ["nope", "--help", "-n1", "HEAD~99", "a b", "$(id)"])
def test_unknown_revision_raises_error(git_folder, revision):
    git_folder.commit()
    assert refused(resolve_commit, open_repository(git_folder.root), revision) == (
        f"{revision}: unknown revision. Write a branch, a tag or a commit, or fetch it from the remote: git fetch."
    )


def test_commit_named_by_message_is_found(git_folder):
    first = git_folder.commit(message="first one")
    git_folder.commit(message="second")
    assert resolve_commit(open_repository(git_folder.root), ":/first") == first


def test_revision_not_commit_raises_error(git_folder):
    git_folder.commit({"a": "1"})
    repository = open_repository(git_folder.root)
    assert refused(resolve_commit, repository, "HEAD:a") == "HEAD:a: that is a blob, not a commit."
    assert refused(resolve_commit, repository, "") == "'' is not a revision: write a branch, a tag or a commit."


def test_ambiguous_name_is_not_guessed_at(git_folder):
    git_folder.commit()
    git_folder.git("tag", "release")
    git_folder.commit()
    git_folder.git("branch", "release")
    message = refused(resolve_commit, open_repository(git_folder.root), "release")
    assert message == (
        "release: ambiguous: warning: refname 'release' is ambiguous."
        " Write refs/heads/release, refs/tags/release or more digits."
    )


def test_repository_without_commits_raises_error(git_folder):
    assert refused(resolve_commit, open_repository(git_folder.root), "HEAD") == (
        f"{git_folder.root}: the repository has no commit yet. Commit something first."
    )


def test_remote_only_branch_error_names_remote_branch(shallow):
    clone, _ = shallow
    assert refused(resolve_commit, open_repository(clone.root), "main") == (
        "main: unknown revision; there is an origin/main. Write that."
    )


def test_shallow_clone_error_names_fetch_command(shallow):
    clone, commits = shallow
    repository = open_repository(clone.root)
    assert repository.is_shallow
    assert refused(resolve_commit, repository, commits[0]) == (
        f"{commits[0]}: this shallow clone does not have the commit. Fetch it: git fetch --depth=1 origin {commits[0]};"
        " with actions/checkout set fetch-depth: 0."
    )
    assert refused(resolve_commit, repository, "topic") == (
        "topic: unknown revision in this shallow clone. Fetch it: git fetch origin topic"
        " (for an older commit: git fetch --deepen=200 origin), then write FETCH_HEAD or origin/topic;"
        " with actions/checkout set fetch-depth: 0."
    )


def test_merge_base_is_last_common_commit(git_folder):
    left = git_folder.commit({"a": "1"})
    git_folder.git("checkout", "--quiet", "-b", "topic")
    topic = git_folder.commit({"b": "1"})
    git_folder.git("checkout", "--quiet", "main")
    main = git_folder.commit({"a": "2"})
    assert merge_base(open_repository(git_folder.root), main, topic) == left


def test_branches_without_common_history_raise_error(git_folder):
    main = git_folder.commit({"a": "1"})
    git_folder.git("checkout", "--quiet", "--orphan", "other")
    other = git_folder.commit({"b": "1"})
    assert refused(merge_base, open_repository(git_folder.root), main, other) == (
        f"{main[:12]} and {other[:12]} have no common history."
        " Name a base that head comes from: weighbridge diff BASE HEAD."
    )


def test_shallow_clone_without_merge_base_error_names_fetch_command(shallow, git_folder):
    clone, commits = shallow
    clone.git("fetch", "--quiet", "--depth=1", "origin", commits[0])
    assert refused(merge_base, open_repository(clone.root), commits[0], commits[2]) == (
        f"{commits[0][:12]} and {commits[2][:12]} have no common history in this shallow clone. Fetch more of it:"
        " git fetch --deepen=200 origin (or git fetch --unshallow origin); with actions/checkout set fetch-depth: 0."
    )


def test_default_branch_is_origin_head_or_main(git_folder, new_git_folder):
    git_folder.commit()
    assert default_branch(open_repository(git_folder.root)) == "main"
    git_folder.git("branch", "-m", "trunk")
    assert refused(default_branch, open_repository(git_folder.root)).endswith("Name it: weighbridge diff BASE.")
    clone = new_git_folder("clone")
    clone.git("remote", "add", "origin", str(git_folder.root))
    clone.git("fetch", "--quiet", "origin")
    clone.git("remote", "set-head", "origin", "trunk")
    assert default_branch(open_repository(clone.root)) == "origin/trunk"


# --- trees --------------------------------------------------------------------------------------------------------


def test_tree_is_listed_with_any_name_and_type(git_folder):
    git_folder.write(
        {"plain": "1", "run.sh": "2", 'odd "name"\n\té': "3", b"\xff".decode("utf-8", "surrogateescape"): "4"}
    )
    (git_folder.root / "run.sh").chmod(0o755)
    (git_folder.root / "link").symlink_to("plain")
    commit = git_folder.commit()
    found = {entry.path: entry.type for entry in list_tree(open_repository(git_folder.root), commit)}
    assert found == {
        "plain": EntryType.FILE,
        "run.sh": EntryType.EXECUTABLE,
        'odd "name"\n\té': EntryType.FILE,
        "\udcff": EntryType.FILE,
        "link": EntryType.SYMLINK,
    }


def test_blobs_are_read_in_order_and_cut_at_limit(git_folder):
    commit = git_folder.commit({"a": "short", "b": "x" * 3_000_000, "c": "", "d": "no newline\0"})
    repository = open_repository(git_folder.root)
    entries = list_tree(repository, commit)
    found = list(read_blobs(repository, [entry.sha for entry in entries], maximum_bytes=100))
    assert [data for _, data in found] == [b"short", b"x" * 101, b"", b"no newline\0"]
    missing = read_blobs(repository, ["0" * 40], maximum_bytes=1)
    assert refused(list, missing) == f"{git_folder.root}: {missing_object('0' * 40)}"


def test_differences_know_renames(git_folder):
    text = "".join(f"line {number}\n" for number in range(50))
    base = git_folder.commit({"old/Dockerfile": text, "kept": "1", "gone": "2", "changed": "3"})
    head = git_folder.commit(
        {"old/Dockerfile": None, "new/Dockerfile": text + "one more\n", "gone": None, "changed": "4", "added": "5"}
    )
    changes = diff_trees(open_repository(git_folder.root), base, head)
    assert {(change.status, change.path, change.old_path) for change in changes} == {
        (PathStatus.RENAMED, "new/Dockerfile", "old/Dockerfile"),
        (PathStatus.REMOVED, "gone", "gone"),
        (PathStatus.CHANGED, "changed", "changed"),
        (PathStatus.ADDED, "added", "added"),
    }


def test_second_tree_is_first_one_changed(git_folder):
    text = "".join(f"line {number}\n" for number in range(50))
    base = git_folder.commit({"old/a": text, "kept": "1", "gone": "2", "folder": "3", "mode": "4", "swap": text + "x"})
    (git_folder.root / "mode").chmod(0o755)
    (git_folder.root / "link").symlink_to("kept")
    (git_folder.root / "folder").unlink()
    git_folder.write({"swap": None})
    head = git_folder.commit({"old/a": None, "swap": text, "gone": None, "folder/inside": "3", "added é\n": "5"})
    repository = open_repository(git_folder.root)
    made = changed_tree(list_tree(repository, base), diff_trees(repository, base, head))
    assert sorted(made, key=lambda entry: entry.path) == sorted(
        list_tree(repository, head), key=lambda entry: entry.path
    )


def test_uncommitted_files_are_named(git_folder):
    git_folder.commit({"a": "1", "b": "1", "c": "1", ".gitignore": "*.o\n"})
    git_folder.write({"a": "2", "new/x": "1", "new/y": "1", "x.o": "1"})
    git_folder.git("mv", "b", "moved")
    assert set(uncommitted_paths(open_repository(git_folder.root))) == {"a", "moved", "new/"}


def test_checkout_of_some_paths_is_as_one_of_all(git_folder, new_git_folder):
    library = new_git_folder("library")
    library.commit({"code": "1"})
    git_folder.git("submodule", "--quiet", "add", str(library.root), "api/library")
    (git_folder.root / "api").mkdir(exist_ok=True)
    (git_folder.root / "api/link").symlink_to("../web/x")
    commit = git_folder.commit(
        {
            ".gitattributes": "*.txt text eol=crlf\n",
            "api/a.txt": "one\ntwo\n",
            "api/sub/*": "not a pattern",
            "api/.gitattributes": "b.txt eol=lf\n",
            "api/b.txt": "one\n",
            "api2/x": "1",
            "web/x": "1",
            "web/Dockerfile": "FROM a\n",
        }
    )
    (git_folder.root / "api/run").write_text("#!/bin/sh\n")
    (git_folder.root / "api/run").chmod(0o755)
    commit = git_folder.commit()
    repository = open_repository(git_folder.root)
    branch = git_folder.git("symbolic-ref", "HEAD")
    with (
        checkout_trees(repository, [commit]) as whole,
        checkout_trees(repository, [commit], paths={commit: ["api", "web/Dockerfile"]}) as part,
    ):
        expected = {path: data for path, data in files_of(whole[commit]).items() if path.startswith(("api/", "web/D"))}
        del expected["api/link"]  # leads out of the checkout
        assert expected["api/a.txt"] == b"one\r\ntwo\r\n"
        assert files_of(part[commit]) == expected
        assert (part[commit] / "api/link").readlink() == Path("../web/x")
        assert (part[commit] / "api/library").is_dir()
        assert stat.S_IMODE((part[commit] / "api/run").stat().st_mode) & stat.S_IXUSR
    with checkout_trees(repository, [commit], paths={commit: []}) as nothing:
        assert files_of(nothing[commit]) == {}
    assert git_folder.git("symbolic-ref", "HEAD") == branch
    assert uncommitted_paths(repository) == ()


# --- checkouts ----------------------------------------------------------------------------------------------------


def test_checkout_equals_that_of_git_and_is_removed(git_folder, new_git_folder, tmp_path):
    git_folder.write(
        {
            ".gitattributes": "secret export-ignore\n*.txt text eol=crlf\nsub.txt export-subst\n",
            "secret": "kept in a checkout",
            "a.txt": "one\ntwo\n",
            "sub.txt": "$Format:%H$\n",
            "bin/run": "x",
            "deep/er/file": "y",
        }
    )
    (git_folder.root / "bin/run").chmod(0o755)
    (git_folder.root / "link").symlink_to("deep")
    commit = git_folder.commit()
    git_folder.write({"a.txt": "not committed", "untracked": "1"})
    status = git_folder.git("status", "--porcelain")
    before = files_of(git_folder.root / ".git")
    clone = new_git_folder("clone")
    clone.git("pull", "--quiet", str(git_folder.root), "main")
    parent = tmp_path / "trees"
    parent.mkdir()
    with checkout_trees(open_repository(git_folder.root), [commit, commit], folder=parent) as trees:
        tree = trees[commit]
        expected = {name: data for name, data in files_of(clone.root).items() if not name.startswith(".git/")}
        assert files_of(tree) == expected
        assert files_of(tree)["a.txt"] == b"one\r\ntwo\r\n"
        assert (tree / "link").readlink() == Path("deep")
        for name in ("bin/run", "a.txt"):
            assert stat.S_IMODE((tree / name).stat().st_mode) == stat.S_IMODE((clone.root / name).stat().st_mode)
    assert list(parent.iterdir()) == []
    assert files_of(git_folder.root / ".git") == before
    assert git_folder.git("status", "--porcelain") == status


def test_checkout_runs_filters_and_no_hooks(git_folder, tmp_path):
    commit = git_folder.commit({".gitattributes": "*.up filter=up\n", "a.up": "text"})
    git_folder.git("config", "filter.up.smudge", "tr a-z A-Z")
    hook = git_folder.root / ".git/hooks/post-checkout"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hook-ran\n")
    hook.chmod(0o755)
    git_folder.git("config", "core.fsmonitor", f"touch {tmp_path}/monitor-ran; true")
    with checkout_trees(open_repository(git_folder.root), [commit]) as trees:
        assert (trees[commit] / "a.up").read_bytes() == b"TEXT"
    uncommitted_paths(open_repository(git_folder.root))
    assert not (tmp_path / "hook-ran").exists()
    assert not (tmp_path / "monitor-ran").exists()


def test_filter_failed_is_named(git_folder):
    commit = git_folder.commit({".gitattributes": "*.lfs filter=lfs\n", "a.lfs": "pointer"})
    git_folder.git("config", "filter.lfs.smudge", "false")
    git_folder.git("config", "filter.lfs.required", "true")
    repository = open_repository(git_folder.root)

    def check_out() -> None:
        with checkout_trees(repository, [commit]):
            pass

    assert re.fullmatch(rf"cannot check out {commit[:12]}: .*a.lfs: smudge filter lfs failed", refused(check_out))


def test_sparse_checkout_is_users_own(git_folder):
    commit = git_folder.commit({"a/x": "1", "b/y": "2"})
    git_folder.git("sparse-checkout", "set", "a")
    assert not (git_folder.root / "b").exists()
    with checkout_trees(open_repository(git_folder.root), [commit]) as trees:
        assert files_of(trees[commit]) == {"a/x": b"1", "b/y": b"2"}


def test_submodule_is_empty_folder(git_folder, new_git_folder):
    library = new_git_folder("library")
    library.commit({"code": "1"})
    git_folder.git("submodule", "--quiet", "add", str(library.root), "library")
    commit = git_folder.commit()
    repository = open_repository(git_folder.root)
    assert {entry.path: entry.type for entry in list_tree(repository, commit)}["library"] is EntryType.SUBMODULE
    with checkout_trees(repository, [commit]) as trees:
        assert list((trees[commit] / "library").iterdir()) == []


def test_parallel_runs_do_not_interfere(git_folder, tmp_path):
    first, second = git_folder.commit({"a": "1"}), git_folder.commit({"a": "2"})
    repository = open_repository(git_folder.root)
    with checkout_trees(repository, [first], folder=tmp_path) as one:
        with checkout_trees(repository, [first, second], folder=tmp_path) as two:
            assert one[first] != two[first]
        assert files_of(one[first]) == {"a": b"1"}
    assert not list(tmp_path.glob("weighbridge-trees-*"))


def test_error_inside_removes_folders(git_folder, tmp_path):
    commit = git_folder.commit({"a": "1"})
    repository = open_repository(git_folder.root)

    def interrupted() -> None:
        with checkout_trees(repository, [commit], folder=tmp_path) as trees:
            trees[commit].chmod(0o500)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.glob("weighbridge-trees-*"))


def test_leftovers_of_killed_run_are_removed(git_folder, tmp_path):
    commit = git_folder.commit({"a": "1"})
    command = [sys.executable, "-c", HOLD_A_CHECKOUT, str(git_folder.root), commit, str(tmp_path)]
    unrelated = tmp_path / "weighbridge-trees-of-someone"
    unrelated.mkdir()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        remove_stale_folders(CHECKOUT_PREFIX, tmp_path)
        assert len(list(tmp_path.glob("weighbridge-trees-*"))) == 2
        process.kill()
    remove_stale_folders(CHECKOUT_PREFIX, tmp_path)
    assert list(tmp_path.glob("weighbridge-trees-*")) == [unrelated]


def test_ctrl_c_leaves_no_folder(git_folder, tmp_path):
    commit = git_folder.commit({"a": "1"})
    command = [sys.executable, "-c", HOLD_A_CHECKOUT, str(git_folder.root), commit, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(2)
        process.wait(20)
    assert not list(tmp_path.glob("weighbridge-trees-*"))


def test_hanging_git_is_killed_with_its_children(git_folder, monkeypatch, tmp_path):
    head = git_folder.commit({"a": "1"})
    repository = open_repository(git_folder.root)
    hung = tmp_path / "git"
    hung.write_text("#!/bin/sh\nsleep 60\n")
    hung.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("weighbridge.plan.git_process.TIMEOUT_SECONDS", 0.3)
    with pytest.raises(GitError, match="git ls-tree did not answer within"):
        list_tree(repository, head)
    with pytest.raises(GitError, match="git cat-file did not answer within"):
        list(read_blobs(repository, ["0" * 40], maximum_bytes=10))


def test_present_blobs_give_none_for_a_missing_object_and_read_on(git_folder):
    commit = git_folder.commit({"a": "one", "b": "two"})
    repository = open_repository(git_folder.root)
    a, b = (entry.sha for entry in list_tree(repository, commit))
    found = list(read_present_blobs(repository, [a, "0" * 40, b], maximum_bytes=100))
    assert found == [(a, b"one"), ("0" * 40, None), (b, b"two")]


def test_partial_clone_without_remote_has_no_present_blobs(git_folder, tmp_path):
    commit = git_folder.commit({f"f{number}": str(number) for number in range(30)})
    git_folder.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "-q", "--bare", "--filter=blob:none", f"file://{git_folder.root}", str(clone)], check=True
    )
    subprocess.run(["git", "-C", str(clone), "remote", "set-url", "origin", str(tmp_path / "gone")], check=True)
    repository = open_repository(clone)
    shas = [entry.sha for entry in list_tree(repository, commit)]
    assert list(read_present_blobs(repository, shas, maximum_bytes=100)) == [(sha, None) for sha in shas]
