"""Which files of a repository an image copies and reads."""

from __future__ import annotations

import pytest
from linear_time import assert_linear

from weighbridge.domain.causes.repository import RepositorySide
from weighbridge.domain.causes.repository_paths import RepositoryPaths
from weighbridge.domain.dockerfile.parse import parse_dockerfile

FILES = (
    "Dockerfile",
    "a.json",
    "app",
    "app-old/x",
    "app.py",
    "lib/a.json",
    "lib/deep/b.json",
    "lib0",
    "web/src/index.js",
    "web/package.json",
)


def copied(text, *, context=".", files=FILES):
    dockerfile = parse_dockerfile(f"FROM scratch\n{text}\n", path="Dockerfile")
    return set(RepositorySide(dockerfile=dockerfile, context=context, paths=RepositoryPaths(files)).copied)


@pytest.mark.parametrize(
    ("text", "context", "expected"),
    [
        ("COPY . /", ".", set(FILES)),
        ("COPY . /", "lib", {"lib/a.json", "lib/deep/b.json"}),
        ("COPY app /", ".", {"app"}),
        ("COPY lib /", ".", {"lib/a.json", "lib/deep/b.json"}),
        ("COPY ../lib/deep/ /", ".", {"lib/deep/b.json"}),
        ("COPY *.json /", ".", {"a.json"}),
        ("COPY l* /", ".", {"lib/a.json", "lib/deep/b.json", "lib0"}),
        ("COPY lib/*/b.json lib/a* /x/", ".", {"lib/a.json", "lib/deep/b.json"}),
        ("COPY src/*.js package.json /", "web", {"web/src/index.js", "web/package.json"}),
        ("COPY missing /", ".", set()),
    ],
)
def test_copied_files_are_those_of_sources(text, context, expected):
    assert copied(text, context=context) == expected


def test_manifest_beside_copied_lock_file_counts():
    dockerfile = parse_dockerfile("FROM scratch\nCOPY api/poetry.lock /\n", path="Dockerfile")
    paths = RepositoryPaths(["api/poetry.lock", "api/pyproject.toml", "api/deep/pyproject.toml", "pyproject.toml"])
    side = RepositorySide(dockerfile=dockerfile, paths=paths)
    assert side.manifests() == ("api/poetry.lock", "api/pyproject.toml")


def test_images_of_many_folders_are_asked_in_linear_time():
    def ask(images):
        paths = RepositoryPaths(f"s{image}/{name}" for image in range(images) for name in ("a", "b", "package.json"))
        for image in range(images):
            text = f"FROM scratch\nCOPY s{image}/package.json s{image}/a* /\n"
            side = RepositorySide(dockerfile=parse_dockerfile(text, path="Dockerfile"), paths=paths)
            assert len(side.copied) == 2
            assert side.manifests() == (f"s{image}/package.json",)

    assert_linear(ask, largest=800)
