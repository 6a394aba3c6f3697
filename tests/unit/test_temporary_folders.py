"""The copy that a patched Dockerfile is built in: what is in it, and what is never followed or written."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.errors import ScratchError
from weighbridge.run.patched_context import read_sources, scratch_copy


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("secret")
    tree = tmp_path / "trees/head"
    (tree / "api/src").mkdir(parents=True)
    (tree / "other").mkdir()
    (tree / "other/file").write_text("not of this context")
    (tree / "api/Dockerfile").write_text("FROM a\n")
    (tree / "api/run.sh").write_text("true\n")
    (tree / "api/run.sh").chmod(0o755)
    (tree / "api/src/leads-out").symlink_to("../../../../outside")
    (tree / "api/src/to-a-file").symlink_to("/etc/hostname")
    return tree


def copy_of(tree: Path, replaced: dict[str, str], *, dockerfile: str = "api/Dockerfile", is_apart: bool = False):
    return scratch_copy(
        tree, context=tree / "api", dockerfile=dockerfile, replaced=replaced, is_dockerfile_apart=is_apart
    )


def test_scratch_copy_replaces_file_and_keeps_tree(tree: Path) -> None:
    with copy_of(tree, {"api/Dockerfile": "FROM b\n"}) as copy:
        found = sorted(path.relative_to(copy.tree).as_posix() for path in copy.tree.rglob("*"))
        assert found == ["api", "api/Dockerfile", "api/run.sh", "api/src", "api/src/leads-out", "api/src/to-a-file"]
        assert copy.dockerfile == copy.tree / "api/Dockerfile"
        assert copy.dockerfile.read_text() == "FROM b\n"
        assert (copy.tree / "api/run.sh").stat().st_mode & 0o777 == 0o755
        assert (copy.tree / "api/src/leads-out").is_symlink()
        assert (copy.tree / "api/src/to-a-file").readlink() == Path("/etc/hostname")
    assert [path.name for path in tree.parent.iterdir()] == ["head"]
    assert (tree / "api/Dockerfile").read_text() == "FROM a\n"


def test_scratch_copy_dockerfile_apart_leaves_context_as_it_is(tree: Path) -> None:
    (tree / "api/Dockerfile.dockerignore").write_text("old\n")
    replaced = {"api/Dockerfile": "FROM b\n", "api/Dockerfile.dockerignore": "x\n", "api/.dockerignore": "y\n"}
    with copy_of(tree, replaced, is_apart=True) as copy:
        assert copy.tree not in copy.dockerfile.parents
        assert copy.dockerfile.name == "Dockerfile"
        assert copy.dockerfile.read_text() == "FROM b\n"
        assert copy.dockerfile.with_name("Dockerfile.dockerignore").read_text() == "x\n"
        assert (copy.tree / "api/Dockerfile").read_text() == "FROM a\n"
        assert (copy.tree / "api/Dockerfile.dockerignore").read_text() == "old\n"
        assert (copy.tree / "api/.dockerignore").read_text() == "y\n"


def test_scratch_copy_files_outside_context_are_copied(tree: Path) -> None:
    replaced = {"docker/api.Dockerfile": "FROM b\n", "docker/api.Dockerfile.dockerignore": "x\n"}
    with copy_of(tree, replaced, dockerfile="docker/api.Dockerfile") as copy:
        assert (copy.tree / "docker/api.Dockerfile").read_text() == "FROM b\n"
        assert (copy.tree / "docker/api.Dockerfile.dockerignore").read_text() == "x\n"


def test_scratch_copy_symlink_is_not_followed(tree: Path) -> None:
    with (
        pytest.raises(ScratchError, match="is behind a symlink"),
        copy_of(tree, {"api/src/leads-out/secret": "overwritten"}),
    ):
        pass
    with copy_of(tree, {"api/src/to-a-file": "new\n"}) as copy:
        assert not (copy.tree / "api/src/to-a-file").is_symlink()
    assert (tree / "../../outside/secret").read_text() == "secret"
    assert [path.name for path in tree.parent.iterdir()] == ["head"]


def test_sources_ignore_file_matches_builder(tree: Path) -> None:
    def read(*, has_buildkit: bool = True):
        return read_sources(tree, dockerfile=tree / "api/Dockerfile", context=tree, has_buildkit=has_buildkit)

    assert (read().ignore_file, read().ignore_text) == (".dockerignore", None)
    (tree / ".dockerignore").write_text("all\n")
    (tree / "api/Dockerfile.dockerignore").write_text("own\n")
    assert (read().ignore_file, read().ignore_text) == ("api/Dockerfile.dockerignore", "own\n")
    assert (read(has_buildkit=False).ignore_file, read(has_buildkit=False).ignore_text) == (".dockerignore", "all\n")


@pytest.mark.parametrize("name", ["Dockerfile", ".dockerignore"])
def test_sources_symlink_or_not_utf_8_raises_error(tree: Path, name: str) -> None:
    def read():
        return read_sources(tree, dockerfile=tree / "api/Dockerfile", context=tree / "api", has_buildkit=True)

    file = tree / "api" / name
    file.unlink(missing_ok=True)
    file.symlink_to("../../../outside/secret")
    with pytest.raises(ScratchError, match=f"api/{name} is not a plain file"):
        read()
    file.unlink()
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ScratchError, match=f"api/{name} is not UTF-8 text"):
        read()
