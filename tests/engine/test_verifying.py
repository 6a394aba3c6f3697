"""Patches are built on a real engine before they are proposed: what holds is measured, what does not is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from weigh_command import assert_nothing_left

from weighbridge.build.builder import Builder
from weighbridge.build.client import find_build_client
from weighbridge.config import Config, Tips
from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.result.run import RunResult
from weighbridge.domain.tips.tip import Basis, Candidate, Tip, TipChange
from weighbridge.engine.connection import connect_to_engine
from weighbridge.plan.image_plan import Change, ImagePlan, PlannedSide
from weighbridge.progress.lines import Silent
from weighbridge.report.assemble import assemble
from weighbridge.report.model import ImageReport, Status
from weighbridge.run.build import build_side, builder_of
from weighbridge.run.build_outcome import BuiltSide
from weighbridge.run.clients import Tools
from weighbridge.run.compare import compare_planned
from weighbridge.run.propose_tips import Proposer
from weighbridge.run.prove_tips import prove_tips
from weighbridge.run.read import weigh_built
from weighbridge.run.rebuild import Rebuilder
from weighbridge.run.request import DiffRequest
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.measurement_cache import Measurements
from weighbridge.sources.reader import LayerReader

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/report-schema.json").read_text())

DOCKERFILE = """\
# kept as it is
FROM busybox
COPY data /src/
RUN head -c 300000 /dev/urandom > /a
RUN head -c 200000 /dev/urandom > /b && \\
    true
RUN cp /bin/busybox /true
CMD ["/true"]
"""


COPIES_ITSELF = """\
FROM busybox
COPY . /src/
RUN cp -r /src /again && head -c "$(hexdump -n 2 -e '1/2 "%u"' /dev/urandom)" /dev/zero > /a
RUN head -c 200000 /dev/zero > /b
CMD ["true"]
"""
"""The size of ``/a`` is random: two images have the same size if one build took the step from the builder's cache."""


def tip(
    old: str | None,
    new: str = "",
    *,
    code: str = "t",
    ignore_lines: tuple[str, ...] = (),
    guess: int = 0,
    dockerfile: str = DOCKERFILE,
) -> Tip:
    """A tip that replaces `old` in `dockerfile`."""
    edits = ()
    if old is not None:
        start = dockerfile.index(old)
        edits = (Edit(start=start, end=start + len(old), replacement=new),)
    return Tip(
        code=code,
        saved_bytes=guess or None,
        basis=Basis.UPPER_BOUND if guess else Basis.UNKNOWN,
        line=None,
        explanation="as the test says",
        change=TipChange(edits=edits, ignore_lines=ignore_lines),
    )


@contextmanager
def _tools(engine, folder):
    environment = engine.recording_environment(folder)
    client = connect_to_engine(environment)
    try:
        cache = LayerCache(folder / "cache")
        with LayerReader(cache=cache, engine=lambda: client) as reader:
            yield Tools(
                progress=Silent(stream=sys.stderr),
                reader=reader,
                engine=lambda: client,
                find_build_client=lambda: find_build_client(environment),
                make_builder=lambda build_client, settings: Builder(
                    build_client,
                    lambda: client,
                    environment=environment,
                    progress=Silent(stream=sys.stderr),
                    settings=settings,
                ),
                environment=environment,
                measurements=Measurements(cache),
                cache_folder=folder / "cache",
            )
    finally:
        client.close()


def verify(
    engine,
    folder: Path,
    tips,
    *,
    candidates=(),
    start: bool = False,
    dockerfile: str = DOCKERFILE,
    **bounds,
) -> ImageReport:
    """The report of an image of `dockerfile` with these tips, as a run makes it."""
    tree = folder / "trees/head"
    if not tree.exists():
        (tree / "data").mkdir(parents=True)
        (tree / "data/small").write_text("small\n")
        (tree / "Dockerfile").write_text(dockerfile)
    plan = ImagePlan(
        name="app",
        image="app",
        base=None,
        head=PlannedSide(dockerfile="Dockerfile", context=".", parsed=parse_dockerfile(dockerfile, path="Dockerfile")),
        change=Change.ADDED,
        reason="",
    )
    config = Config(tips=Tips(minimum_saving_bytes=1_000, **bounds))
    request = DiffRequest(repo=folder, base=None, head=None, config=config, start=start)
    with _tools(engine, folder) as tools, builder_of(request, tools) as builder:
        built = build_side(builder, plan, "head", tree, {})
        assert isinstance(built, BuiltSide), built
        images = tools.reader.read([built.reference])
        weighed = weigh_built(tools, built, images, plan, "head")
        image = compare_planned(plan, None, weighed, (), noise_bytes=None)
        assert image.status is Status.ADDED
        proposal = Proposer(builder=builder, tree=tree, config=config).propose("app", weighed, built, ())
        proposal = replace(proposal, tips=tuple(tips), candidates=tuple(candidates))
        rebuilder = Rebuilder(builder, tools, request, tree)
        run = RunResult(base=None, head=None, images=(image,), breaches=())
        (report,) = assemble(run.with_tips(prove_tips([proposal], rebuilder))).images
        return report


def snapshot(folder: Path) -> dict[str, object]:
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None,
        )
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("verifying")


@pytest.fixture(scope="module")
def hostile_tree(folder) -> dict[str, object]:
    """A tree whose symlinks lead out of it, and what lies there."""
    outside = folder / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious\n")
    tree = folder / "trees/head"
    (tree / "data").mkdir(parents=True)
    (tree / "data/file-link").symlink_to("../../../outside/precious")
    (tree / "data/folder-link").symlink_to("../../../outside")
    (tree / "data/big").write_bytes(os.urandom(150_000))
    (tree / "Dockerfile").write_text(DOCKERFILE)
    return snapshot(folder / "trees") | snapshot(outside)


TIPS = [
    tip("RUN head -c 300000 /dev/urandom > /a\n", code="a", guess=9_999_999),
    tip("head -c 200000 /dev/urandom > /b && \\\n    ", code="b"),
    tip("300000", "310000", code="grows"),
    tip("cp /bin/busybox /true", "false", code="breaks-the-build"),
    tip("RUN cp /bin/busybox /true\n", code="breaks-the-start"),
    tip("300000", "100000", code="less-of-a"),
    tip(None, ignore_lines=("data/big",), code="ignored-files"),
    tip("200000", "199999", code="too-little"),
]


@pytest.fixture(scope="module")
def report(engine, need_images, folder, hostile_tree) -> ImageReport:
    need_images(engine, "busybox")
    return verify(engine, folder, TIPS)


def test_saving_is_measured_difference(report):
    assert [(one.code, one.saved_bytes, one.basis) for one in report.tips] == [
        ("a", 300_000, Basis.REBUILT),
        ("b", 200_000, Basis.REBUILT),
        ("less-of-a", 200_000, Basis.REBUILT),
        ("ignored-files", 150_000, Basis.REBUILT),
    ]
    for one in report.tips:
        assert one.before_bytes - one.after_bytes == one.saved_bytes
        assert one.not_built is None


def test_failing_or_useless_patch_is_rejected_with_reason(report):
    dropped = {one.code: one for one in report.dropped_tips}
    assert set(dropped) == {"grows", "breaks-the-build", "breaks-the-start", "too-little"}
    assert dropped["breaks-the-build"].reason.startswith("the image does not build: ")
    assert "false" in dropped["breaks-the-build"].reason
    assert dropped["breaks-the-start"].reason.startswith("the image would not start: ")
    assert "/true" in dropped["breaks-the-start"].reason
    assert (dropped["grows"].reason, dropped["grows"].saved_bytes) == ("the image does not get smaller", -10_000)
    assert (dropped["too-little"].reason, dropped["too-little"].saved_bytes) == ("it saves too little", 1)


def test_best_compatible_patches_are_measured_together(report):
    combined = report.combined
    assert combined.codes == ("a", "b", "ignored-files")
    assert combined.saved_bytes == combined.before_bytes - combined.after_bytes == 650_000


def test_every_patch_applies_with_git_and_gives_built_file(report, tmp_path):
    by_code = {one.code: one.patch for one in report.tips}
    for patch in (by_code["a"], by_code["b"], by_code["ignored-files"], report.combined.patch):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        (folder / "Dockerfile").write_text(DOCKERFILE)
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        done = subprocess.run(["git", "apply", "-"], cwd=folder, input=patch, text=True, check=False)
        assert done.returncode == 0
        applied = (folder / "Dockerfile").read_text()
        assert ("300000" in applied) != (patch in {by_code["a"], report.combined.patch})
        assert applied.startswith("# kept as it is\n")
        assert (folder / ".dockerignore").exists() == (patch in {by_code["ignored-files"], report.combined.patch})


def test_checkout_and_symlink_targets_are_unchanged(report, folder, hostile_tree, engine):
    assert report.tips
    assert snapshot(folder / "trees") | snapshot(folder / "outside") == hostile_tree
    assert engine.left_tags(folder) == []


def test_image_with_its_own_dockerfile_builds_only_changed_steps_and_size_is_exact(engine, need_images, tmp_path):
    need_images(engine, "busybox")
    smaller = tip("head -c 200000 /dev/zero > /b", "true", dockerfile=COPIES_ITSELF)
    report = verify(engine, tmp_path, [smaller], dockerfile=COPIES_ITSELF)
    (measured,) = report.tips
    shorter_text_bytes = len("head -c 200000 /dev/zero > /b") - len("true")
    assert measured.saved_bytes == 200_000 + 2 * shorter_text_bytes  # in /src and in /again


def test_limit_exceeded_adds_note(engine, need_images, tmp_path):
    need_images(engine, "busybox")
    slow = tip("    true", "    sleep 300", code="slow")
    report = verify(engine, tmp_path, [slow, *TIPS[:3]], maximum_builds=2, build_time_limit_seconds=10.0)
    assert {one.code: (one.basis, one.not_built) for one in report.tips} == {
        "a": (Basis.REBUILT, None),
        "b": (Basis.UNKNOWN, "the limit of 2 builds per image (`tips.maximum-builds`) was reached"),
        "grows": (Basis.UNKNOWN, "the limit of 2 builds per image (`tips.maximum-builds`) was reached"),
        "slow": (Basis.UNKNOWN, "it takes longer than 10 s (`tips.build-time-limit`)"),
    }
    assert all(one.patch for one in report.tips)
    for bound, said in (({"time_limit_seconds": 0.0001}, "time-limit"), ({"disk_limit_bytes": 1}, "disk-limit")):
        report = verify(engine, tmp_path, TIPS[:1], **bound)
        assert [one.basis for one in report.tips] == [Basis.UPPER_BOUND]
        assert f"(`tips.{said}`) was" in report.tips[0].not_built


def test_patches_breaking_each_other_omit_smallest(engine, need_images, tmp_path):
    need_images(engine, "busybox")
    copied = tip("cp /bin/busybox /true", "ln -s /bin/busybox /true", code="linked")
    without = tip("RUN head -c 300000 /dev/urandom > /a\n", 'SHELL ["/bin/busybox", "sh", "-c"]\n', code="shell")
    clash = tip("    true", "    test -e /a && rm /b && : > /b", code="needs-a")
    report = verify(engine, tmp_path, [copied, without, clash])
    assert {one.code for one in report.tips} == {"linked", "shell", "needs-a"}
    assert report.combined.codes == ("linked", "shell")


def test_row_of_ladder_is_built_and_missing_base_is_skipped(engine, need_images, tmp_path):
    need_images(engine, "busybox", "debian:bookworm")

    def candidate(name: str, base: str, *lost: str) -> Candidate:
        start = DOCKERFILE.index("FROM busybox")
        edit = Edit(start=start, end=start + len("FROM busybox"), replacement=f"FROM {base}")
        return Candidate(name=name, change=TipChange(edits=(edit,)), lost=lost)

    candidates = [
        candidate("nowhere", "weighbridge.invalid/base:1"),
        candidate("unused stage", "scratch AS none\nFROM busybox", "everything"),
        candidate("debian", "debian:bookworm"),
    ]
    report = verify(engine, tmp_path, [], candidates=candidates, start=True)
    rows = {row.name: row for row in report.ladder}
    assert list(rows) == ["as it is", "unused stage", "nowhere", "debian"]
    assert rows["as it is"].outcome == "as it is"
    assert rows["as it is"].unpacked_bytes == rows["unused stage"].unpacked_bytes == report.head.unpacked_bytes
    assert (rows["unused stage"].starts, rows["unused stage"].shell, rows["unused stage"].lost) == (
        "yes",
        True,
        ("everything",),
    )
    assert rows["unused stage"].trial.exit_code == 0
    assert {"ls", "ps", "wget"} <= set(rows["unused stage"].debug_tools)
    assert rows["unused stage"].download_bytes
    assert rows["nowhere"].outcome == "not tried"
    assert rows["nowhere"].reason.startswith("cannot be pulled: ")
    assert rows["debian"].outcome == "does not build"


HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
SINGLE = 'FROM gcc\nWORKDIR /src\nCOPY hello.c .\nRUN gcc {flags}-o hello hello.c\nCMD ["./hello"]\n'


@pytest.fixture(scope="module")
def hello(engine, need_images, tmp_path_factory) -> dict[str, Any]:
    """What ``weighbridge diff --start`` says of a C program that ships with its compiler."""
    need_images(engine, "gcc", "alpine:3", "busybox:glibc", "debian:bookworm-slim")
    folder = tmp_path_factory.mktemp("hello")
    repo = folder / "hello"
    repo.mkdir()

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=T", "-c", "user.email=t@example.org")
        subprocess.run(["git", *identity, *arguments], cwd=repo, check=True)

    git("init", "--quiet", "--initial-branch=main")
    (repo / "hello.c").write_text(HELLO)
    for flags in ("", "-O2 "):
        (repo / "Dockerfile").write_text(SINGLE.format(flags=flags))
        git("add", "--all")
        git("commit", "--quiet", "--message", "change")
    command = [sys.executable, "-m", "weighbridge", "diff", "HEAD~1", "HEAD", "--start", "--format", "json"]
    environment = {**engine.recording_environment(folder), "XDG_CACHE_HOME": str(folder), "TMPDIR": str(folder)}
    done = subprocess.run(command, cwd=repo, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert_nothing_left(engine, folder, done.stderr)
    report = json.loads(done.stdout)
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    image: dict[str, Any] = report["images"][0]
    return image


def test_ladder_of_hello_in_c_is_ordered_by_size(hello):
    rows = {row["name"]: row for row in hello["ladder"]}
    in_order = [
        "as it is",
        "debian:bookworm-slim",
        "busybox:glibc",
        "alpine:3, static with -static",
        "alpine:3, compiled with musl",
        "scratch, static with -static",
        "scratch, static with musl",
    ]
    assert [name for name, row in rows.items() if row["unpacked_bytes"] is not None] == in_order
    sizes = [rows[name]["unpacked_bytes"] for name in in_order]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 3 * sizes[1]
    assert 760_000 <= rows["scratch, static with -static"]["unpacked_bytes"] <= 940_000
    assert 10_000 <= rows["scratch, static with musl"]["unpacked_bytes"] <= 99_000
    for name in in_order:
        row = rows[name]
        assert row["starts"] == "yes"
        assert (row["trial"]["exit_code"], row["trial"]["output"]) == (0, ["hello"])
        assert row["shell"] == (not name.startswith("scratch"))
    untried = [row for row in rows.values() if row["unpacked_bytes"] is None]
    assert all(row["outcome"] == "not tried" and "cannot be pulled" in row["reason"] for row in untried)


def test_shipped_compiler_has_built_patch(hello):
    tips = {tip["code"]: tip for tip in hello["tips"]}
    assert {"use-multi-stage", "build-static"} <= set(tips)
    for tip in tips.values():
        assert tip["basis"] == "rebuilt"
        assert tip["saved_bytes"] == tip["before_bytes"] - tip["after_bytes"] > 0.6 * tip["before_bytes"]
        assert "COPY --from=" in tip["patch"]
