"""A changed file that a Dockerfile copies in an unusual way affects the image. Each case was built by real builders."""

from __future__ import annotations

import os

import pytest

from weighbridge.config import Config
from weighbridge.plan.discover import plan_images
from weighbridge.plan.git import open_repository
from weighbridge.plan.image_plan import Change


@pytest.fixture
def plan(git_folder):
    """The plan of a change to the file `changed` only."""

    def make(dockerfile, changed="data", others=None):
        before = {"Dockerfile": dockerfile, "other": "x", changed: "x"}
        base = git_folder.commit({**before, **(others or {})})
        head = git_folder.commit({changed: "much more"})
        (image,) = plan_images(open_repository(git_folder.root), base, head, Config()).plans
        assert image.head.failure is None or image.head.context is None
        return image

    return make


@pytest.mark.parametrize(
    ("dockerfile", "changed"),
    [
        # Classic builder: ENV overrides ARG. BuildKit: the last one counts.
        ("FROM busybox\nENV S=data\nARG S=other\nCOPY $S /d\n", "data"),
        ("ARG S=other\nFROM busybox\nENV S=data\nARG S\nCOPY $S /d\n", "data"),
        ("FROM busybox AS a\nENV S=data\nFROM a\nARG S=other\nCOPY $S /d\n", "data"),
        ("FROM busybox\nARG PATH=other\nCOPY $PATH /d\n", "usr/bin/data"),
        # BuildKit: a frontend that copies what it likes, named after a shebang line or a form feed.
        ("#!/usr/bin/x\n# syntax=example.org/frontend\nFROM busybox\nCOPY other /d\n", "data"),
        ("#\fsyntax=example.org/frontend\nFROM busybox\nCOPY other /d\n", "data"),
        # BuildKit ignores the case of a mount's type, and expands variables in it.
        ("FROM busybox\nRUN --mount=TYPE=BIND,SRC=data,DST=/d cp /d /e\n", "data"),
        ("FROM busybox\nARG T=bind\nRUN --mount=type=$T,source=data,target=/d cp /d /e\n", "data"),
        ('FROM busybox\nRUN --mount=type=bind,"so"urce=data,target=/d cp /d /e\n', "data"),
        # Only ASCII white space separates words.
        ("FROM busybox\nCOPY data\u00a0x /d\n", "data\u00a0x"),
        ("FROM busybox\nCOPY --chmod=755 data\u2003x other /d/\n", "data\u2003x"),
        # A stage by its number, as Go reads it.
        ("FROM busybox\nCOPY data /d\nFROM busybox\nCOPY --from=+0 /d /d\n", "data"),
        (f"FROM busybox\nCOPY data /d\nFROM busybox\nCOPY --from={'0' * 20} /d /d\n", "data"),
        ("FROM busybox\nCOPY data /d\nFROM busybox\nRUN --mount=from=-0,target=/m cp /m/d /d\n", "data"),
        # Before BuildKit 0.12, ADD clones nothing.
        ("FROM busybox\nADD git@example.org:x /d/\n", "git@example.org:x"),
        ("FROM busybox\nADD ssh://example.org/x /d/\n", "ssh:/example.org/x"),
        # Older builders know no here-documents: the delimiter is a comment to them.
        ("FROM busybox\nRUN : <<'#x'\nCOPY data /data\n#x\n", "data"),
        ("FROM busybox\nRUN : <<'#x'\nCO\\\nPY data /data\n#x\n", "data"),
        ("FROM busybox AS a\nONBUILD RUN : <<'#x'\nFROM a\nRUN : <<'#x'\n add data /data\n#x\n", "data"),
    ],
)
def test_file_copied_in_an_unusual_way_affects_the_image(plan, dockerfile, changed):
    assert plan(dockerfile, changed).change is Change.AFFECTED


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM busybox\nARG S=other\nCOPY $S /d\n",
        "FROM busybox\nCOPY --chown=0:0 other  /d\n",
        "FROM busybox\nADD https://example.org/$V.tar /d/\nCOPY other /d\n",
        "FROM busybox\nADD git@example.org:x /d/\nCOPY other /d\n",
        "FROM busybox\nRUN python3 <<E\nfrom os import path\nE\nCOPY other /d\n",
        "FROM busybox\nRUN --mount=type=secret,id=x true\nCOPY other /d\n",
        "#!/usr/bin/x\n# syntax=docker/dockerfile:1\nFROM busybox\nCOPY other /d\n",
    ],
)
def test_file_that_nothing_copies_leaves_the_image_unaffected(plan, dockerfile):
    assert plan(dockerfile).change is Change.UNAFFECTED


@pytest.mark.parametrize(
    ("dockerfile", "others", "decides"),
    [
        ("FROM busybox\nCOPY . /d\n", {"Dockerfile.dockerignore": "data\n"}, True),
        ("FROM busybox\nCOPY . /d\n", {".dockerignore": "data\n", ".containerignore": "#"}, True),
        ("FROM busybox\nCOPY . /d\n", {".dockerignore": "data\n", "Dockerfile.containerignore": "#"}, True),
        ("FROM acme/base\nARG S=other\nCOPY $S /d\n", {}, True),
        ("FROM busybox AS base\nCOPY data /d\nFROM Base\n", {}, True),
        ("FROM busybox\nCOPY . /d\n", {".dockerignore": "data\n"}, False),
        ("FROM busybox AS base\nFROM base\nCOPY other /d\n", {}, False),
    ],
)
def test_other_builder_decides_where_it_reads_files_differently(plan, dockerfile, others, decides):
    image = plan(dockerfile, others=others)
    assert image.change is Change.UNAFFECTED
    assert image.builder_decides is decides


def test_dockerfile_whose_only_source_is_unknown_has_the_root_as_context(plan):
    image = plan("FROM busybox\nCOPY $S /d\n")
    assert image.head.context == "."
    assert image.head.failure is None


def test_name_that_is_not_utf8_is_planned(plan):
    assert plan("FROM busybox\nCOPY other /d\n", os.fsdecode(b"d\xff")).change is Change.UNAFFECTED
