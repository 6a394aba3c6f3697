"""A failed build, explained by the trap that it fell into."""

from __future__ import annotations

import pytest

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.dockerfile.build_failure import explain_build_failure

_TEXT = "FROM golang\nCOPY hello.go .\nRUN go build hello.go\nFROM debian\nCOPY --from=0 {source} .\n"


@pytest.mark.parametrize(
    "said",
    [
        'ERROR: failed to solve: failed to compute cache key: checksum of ref x::y: "/hello": not found',
        'failed to compute cache key: "/hello" not found: not found',
        "COPY failed: stat hello: file does not exist",
        'COPY failed: stat var/lib/docker/hello: file does not exist\nERROR: "/hello": not found',
    ],
)
def test_relative_path_from_another_stage_names_absolute_one(said):
    dockerfile = parse_dockerfile(_TEXT.format(source="hello"), path="api/Dockerfile")
    assert explain_build_failure(dockerfile, said.splitlines()) == (
        "api/Dockerfile:5: hello is /hello of the stage 0: --from begins at its root, but the stage works in /go."
        " Write the absolute path: /go/hello (copy-from-relative-path)."
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("hello", "process did not complete successfully: exit code 1"),
        ("hello", 'ERROR: "/other": not found'),
        ("/go/hello", 'ERROR: "/go/hello": not found'),
        ("/hello", 'ERROR: "/hello": not found'),
    ],
)
def test_other_failures_are_not_explained_so(source, said):
    dockerfile = parse_dockerfile(_TEXT.format(source=source), path="Dockerfile")
    assert explain_build_failure(dockerfile, [said]) is None
