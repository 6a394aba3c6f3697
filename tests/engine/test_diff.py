"""The whole trip on a real engine: git range in, report and exit code out."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from engine_protocol import Engine
from git_commands import commit, git
from weigh_command import assert_nothing_left, environment, weighbridge

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/report-schema.json").read_text())


Run = Callable[..., subprocess.CompletedProcess[str]]


def report_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(done.stdout)
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    return report


def unpacked_by_tarfile(engine: Engine, name: str) -> dict[str, int]:
    """An independent count: diff ID to Σ of regular files, from ``docker save`` with nothing but tarfile."""
    raw = io.BytesIO(b"".join(engine.client.images.get(name).save(named=True)))
    with tarfile.open(fileobj=raw) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
        config = json.load(archive.extractfile(manifest[0]["Config"]))  # type: ignore[arg-type]
        sizes = {}
        for diff_id, layer in zip(config["rootfs"]["diff_ids"], manifest[0]["Layers"], strict=True):
            with tarfile.open(fileobj=archive.extractfile(layer)) as content:
                sizes[diff_id] = sum(member.size for member in content if member.isreg())
    return sizes


HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
SINGLE = 'FROM gcc\nWORKDIR /work\nCOPY hello.c .\nRUN gcc -o hello hello.c\nCMD ["./hello"]\n'
MULTI = (
    "FROM gcc AS build\nWORKDIR /src\nCOPY hello.c .\nRUN gcc -o hello hello.c\n"
    'FROM debian:bookworm\nCOPY --from=build /src/hello /\nCMD ["/hello"]\n'
)


def test_multi_stage_build_drops_compiler_with_exact_bytes(
    engine: Engine, need_images: Run, repo: Path, tmp_path: Path
) -> None:
    need_images(engine, "gcc", "debian:bookworm")
    commit(repo, {"Dockerfile": SINGLE, "hello.c": HELLO})
    git(repo, "switch", "--quiet", "--create", "smaller")
    commit(repo, {"Dockerfile": MULTI})
    tags = ["weighbridge-test-old", "weighbridge-test-new"]
    try:
        for tag, text in zip(tags, [SINGLE, MULTI], strict=True):
            (tmp_path / "context").mkdir(exist_ok=True)
            (tmp_path / "context/hello.c").write_text(HELLO)
            (tmp_path / "context/Dockerfile").write_text(text)
            done = engine.docker("build", "--tag", tag, tmp_path / "context")
            assert done.returncode == 0, done.stderr
        command = ("diff", "--repo", repo, "main", "smaller", "--no-verify-tips", "--format", "json")
        done = weighbridge(engine, tmp_path, *command)
        assert done.returncode == 0, done.stderr
        report = report_of(done)
        (image,) = report["images"]
        assert (image["name"], image["status"]) == ("shop", "changed")
        assert {tip["not_built"] for tip in image["tips"] if tip["patch"]} == {"not requested (`tips.verify`)"}
        assert not any(tip["basis"] == "rebuilt" for tip in image["tips"])
        assert image["ladder"] == []
        assert image["head"]["unpacked_bytes"] < 0.4 * image["base"]["unpacked_bytes"]
        removed = {row["instruction"]: row for row in image["layers"] if row["change"] == "removed"}
        assert removed["RUN gcc -o hello hello.c"]["line"] == 4
        assert removed["RUN gcc -o hello hello.c"]["base_bytes"] > 10_000
        assert any(row["from_base_image"] and row["base_bytes"] > 100_000_000 for row in removed.values())
        added = [(row["instruction"], row["line"]) for row in image["layers"] if row["change"] == "added"]
        assert added == [("COPY --from=build /src/hello /", 6)]
        for side, tag in zip(["base", "head"], tags, strict=True):
            independent = unpacked_by_tarfile(engine, tag)
            assert image[side]["unpacked_bytes"] == sum(independent.values())
        assert image["head"]["start"]["outcome"] == "yes"
        assert_nothing_left(engine, tmp_path, done.stderr)
    finally:
        engine.docker("image", "rm", "--force", *tags)


FIVE_BASE = {
    "changed/Dockerfile": "FROM busybox\nRUN head -c 1000 /dev/zero > /a\n",
    "removed/Dockerfile": "FROM busybox\nRUN echo gone > /gone\n",
    "same/Dockerfile": "FROM busybox\nRUN true\n",
    "broken/Dockerfile": "FROM busybox\nRUN true\n",
}
FIVE_HEAD = {
    "changed/Dockerfile": "FROM busybox\nRUN head -c 3000 /dev/zero > /a\n",
    "removed/Dockerfile": None,
    "added/Dockerfile": "FROM busybox\n",
    "broken/Dockerfile": "FROM busybox\nRUN echo about to fail; exit 7\n",
}


@pytest.fixture
def five(repo: Path) -> Path:
    commit(repo, FIVE_BASE)
    git(repo, "switch", "--quiet", "--create", "branch")
    commit(repo, FIVE_HEAD)
    return repo


def test_five_images_have_five_statuses_in_one_run(
    any_engine: Engine, need_images: Run, five: Path, tmp_path: Path
) -> None:
    need_images(any_engine, "busybox")
    done = weighbridge(any_engine, tmp_path, "diff", "--repo", five, "main", "branch", "--format", "json")
    assert done.returncode == 3, done.stderr
    report = report_of(done)
    assert {image["name"]: image["status"] for image in report["images"]} == {
        "added": "added",
        "broken": "failed",
        "changed": "changed",
        "removed": "removed",
        "same": "unchanged",
    }
    images = {image["name"]: image for image in report["images"]}
    assert images["changed"]["delta"]["unpacked_bytes"] == 2000
    assert images["added"]["delta"]["unpacked_bytes"] == images["added"]["head"]["unpacked_bytes"]
    assert images["removed"]["delta"]["unpacked_bytes"] == -images["removed"]["base"]["unpacked_bytes"]
    (failure,) = images["broken"]["failures"]
    assert (failure["side"], failure["kind"]) == ("head", "build")
    assert any("about to fail" in line for line in failure["log_tail"])
    assert images["broken"]["delta"] == {"unpacked_bytes": None, "download_bytes": None, "upgrade_bytes": None}
    assert not report["verdict"]["passed"]
    assert_nothing_left(any_engine, tmp_path, done.stderr)


def test_exceeded_limit_and_failed_build_are_both_reported(engine: Engine, five: Path, tmp_path: Path) -> None:
    done = weighbridge(
        engine, tmp_path, "diff", "--repo", five, "main", "branch", "--format", "json", "--max-increase", "+1kB"
    )
    assert done.returncode == 1, done.stderr
    reasons = report_of(done)["verdict"]["reasons"]
    assert [(reason["image"], reason["rule"]) for reason in reasons] == [
        ("broken", "build"),
        ("changed", "max-increase"),
    ]
    assert (reasons[1]["limit"], reasons[1]["actual_bytes"]) == ("+1kB", 2000)


def test_simultaneous_runs_on_one_engine_give_same_report(engine: Engine, five: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "weighbridge", "diff", "--repo", str(five), "main", "branch", "--format", "json"]
    runs = [
        subprocess.Popen(
            command, env=environment(engine, tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    reports, said = [], ""
    for run in runs:
        out, err = run.communicate(timeout=300)
        said += err
        assert run.returncode == 3, err
        report = json.loads(out)
        for image in report["images"]:
            image["build_seconds"] = None
            for failure in image["failures"]:
                failure["log_tail"] = []  # it holds build times
        reports.append(report)
    assert reports[0] == reports[1]
    assert_nothing_left(engine, tmp_path, said)


@pytest.mark.parametrize(("number", "images"), [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGINT, 3)])
def test_interrupted_run_leaves_no_checkout_no_container_and_no_tag(
    engine: Engine, repo: Path, tmp_path: Path, number: signal.Signals, images: int
) -> None:
    names = [f"i{index}/Dockerfile" for index in range(images)]
    commit(repo, dict.fromkeys(names, "FROM busybox\nRUN true\n"))
    git(repo, "switch", "--quiet", "--create", "slow")
    mark = uuid.uuid4().hex
    commit(repo, {name: f"FROM busybox\nRUN echo asleep in {name} {mark}; sleep 300\n" for name in names})
    run = subprocess.Popen(
        [sys.executable, "-m", "weighbridge", "diff", "--repo", str(repo), "main", "slow", "-v", "--jobs", "2"],
        env=environment(engine, tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr is not None
    for line in run.stderr:
        if "asleep" in line and "RUN" not in line:
            break
    run.send_signal(number)
    _, said = run.communicate(timeout=120)
    assert run.returncode == 130
    assert_nothing_left(engine, tmp_path, said)
    there = engine.client.api.containers(all=True, trunc=False)
    assert not [container for container in there if mark in container["Command"]]


def test_build_over_timeout_is_stopped_and_reported(engine: Engine, repo: Path, tmp_path: Path) -> None:
    commit(repo, {"README.md": "Base has no image that a slow machine would not build in time."})
    git(repo, "switch", "--quiet", "--create", "slow")
    commit(repo, {"Dockerfile": "FROM busybox\nRUN sleep 299\n"})
    done = weighbridge(
        engine, tmp_path, "diff", "--repo", repo, "main", "slow", "--build-timeout", "5s", "--format", "json"
    )
    assert done.returncode == 3
    (image,) = report_of(done)["images"]
    assert image["failures"][0]["message"] == (
        "shop head: the build exceeded its timeout of 5 seconds. Set --build-timeout."
    )


def test_unreadable_image_is_named_and_others_are_weighed(
    engine: Engine, need_images: Run, repo: Path, tmp_path: Path
) -> None:
    need_images(engine, "busybox")
    commit(repo, {"good/Dockerfile": "FROM busybox\n", "bad/Dockerfile": "FROM busybox\n"})
    git(repo, "switch", "--quiet", "--create", "branch")
    # A whiteout of nothing: the engine keeps it, and no unpacker can obey it.
    commit(repo, {"good/Dockerfile": "FROM busybox\nRUN echo 1 > /a\n"})
    commit(repo, {"bad/Dockerfile": "FROM busybox\nRUN touch /.wh..\n"})
    done = weighbridge(engine, tmp_path, "diff", "--repo", repo, "main", "branch", "--format", "json")
    assert done.returncode == 5, done.stderr
    bad, good = report_of(done)["images"]
    (failure,) = bad["failures"]
    assert (failure["side"], failure["kind"]) == ("head", "unreadable")
    assert "a whiteout without a name: /.wh.." in failure["message"]
    assert (good["status"], good["delta"]["unpacked_bytes"]) == ("changed", 2)


def test_missing_base_image_is_named(engine: Engine, repo: Path, tmp_path: Path) -> None:
    commit(repo, {"Dockerfile": "FROM busybox\n"})
    git(repo, "switch", "--quiet", "--create", "branch")
    commit(repo, {"Dockerfile": "FROM registry.invalid/no/such:image\n"})
    done = weighbridge(engine, tmp_path, "diff", "--repo", repo, "main", "branch", "--format", "json")
    assert done.returncode == 3
    (image,) = report_of(done)["images"]
    assert image["status"] == "failed"
    assert image["failures"][0]["message"].startswith(
        "shop head: the base image registry.invalid/no/such:image cannot be pulled: "
    )


def test_invalid_dockerfile_is_named_with_its_line(engine: Engine, repo: Path, tmp_path: Path) -> None:
    commit(repo, {"Dockerfile": "FROM busybox\n"})
    git(repo, "switch", "--quiet", "--create", "branch")
    commit(repo, {"Dockerfile": "FROM busybox\nINSTALL curl\n"})
    done = weighbridge(engine, tmp_path, "diff", "--repo", repo, "main", "branch", "--format", "json")
    assert done.returncode == 3
    (image,) = report_of(done)["images"]
    assert (image["failures"][0]["kind"], image["failures"][0]["message"]) == (
        "dockerfile",
        "Dockerfile:2: unknown instruction: INSTALL",
    )


def test_limit_over_broken_base_is_not_checked_and_fails(engine: Engine, repo: Path, tmp_path: Path) -> None:
    commit(repo, {"Dockerfile": "FROM busybox\nRUN exit 1\n"})
    git(repo, "switch", "--quiet", "--create", "branch")
    commit(repo, {"Dockerfile": "FROM busybox\nRUN true\n"})
    limit = ("--max-increase", "+1B")
    command = ("diff", "--repo", repo, "main", "branch", "--format", "json", *limit)
    done = weighbridge(engine, tmp_path, *command)
    assert done.returncode == 1, done.stderr
    assert [reason["rule"] for reason in report_of(done)["verdict"]["reasons"]] == ["not-checked"]
    done = weighbridge(engine, tmp_path, *command, "--on-unknown", "warn")
    assert done.returncode == 0, done.stderr
    (image,) = report_of(done)["images"]
    assert image["status"] == "changed"
    assert image["base"] is None
    assert image["delta"]["unpacked_bytes"] is None
    assert image["reason"].startswith("base could not be weighed: ")


def test_client_without_buildkit_names_line_with_buildkit_feature(engine: Engine, repo: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    # A newer client without its buildx plugin: everything it answers but its version is the real client's.
    real = subprocess.run(
        ["which", "docker"], env={**os.environ, **engine.environment}, capture_output=True, text=True, check=True
    )
    (programs / "docker").write_text(
        "#!/bin/sh\n"
        '[ "$1" = --version ] && echo "Docker version 28.2.2, build 0" && exit 0\n'
        '[ "$1" = buildx ] && echo "unknown command: docker buildx" >&2 && exit 1\n'
        f'exec {real.stdout.strip()} "$@"\n'
    )
    (programs / "docker").chmod(0o755)
    for tool in ("git", "sh", "sleep"):
        (programs / tool).symlink_to(
            subprocess.run(["which", tool], capture_output=True, text=True, check=True).stdout.strip()
        )
    commit(repo, {"a/Dockerfile": "FROM busybox\n", "b/Dockerfile": "FROM busybox\n"})
    git(repo, "switch", "--quiet", "--create", "branch")
    commit(repo, {"a/Dockerfile": "FROM busybox\nRUN echo a > /a\n"})
    commit(repo, {"b/Dockerfile": "FROM busybox\n\nRUN --mount=type=cache,target=/c true\n"})
    done = subprocess.run(
        [sys.executable, "-m", "weighbridge", "diff", "--repo", str(repo), "main", "branch", "--format", "json"],
        env={**environment(engine, tmp_path), "PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    images = {image["name"]: image for image in report_of(done)["images"]}
    assert images["a"]["status"] == "changed", done.stderr
    assert images["b"]["failures"][0]["message"] == (
        "b/Dockerfile:3: RUN --mount needs BuildKit. Install docker-buildx."
    )
    assert done.returncode == 4


def test_uncommitted_files_are_ignored_with_note(engine: Engine, repo: Path, tmp_path: Path) -> None:
    commit(repo, {"Dockerfile": "FROM busybox\nCOPY . /x\n", "a": "1"})
    git(repo, "switch", "--quiet", "--create", "branch")
    commit(repo, {"a": "22"})
    (repo / "b").write_text("333")
    (repo / "a").write_text("4444")
    done = weighbridge(engine, tmp_path, "diff", "--repo", repo, "main", "--format", "json")
    assert done.returncode == 0, done.stderr
    report = report_of(done)
    assert report["images"][0]["delta"]["unpacked_bytes"] == 1
    assert report["notes"] == ["uncommitted files are ignored: a, b"]
    assert "warning: uncommitted files are ignored: a, b" in done.stderr
    assert (repo / "a").read_text() == "4444"


def test_compare_and_inspect_are_equal_for_engine_and_archive(
    any_engine: Engine, build_image: Callable[..., str], tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text('FROM busybox\nRUN head -c 5000 /dev/zero > /a\nCMD ["cat", "/a"]\n')
    name = build_image(any_engine, context)
    archive = tmp_path / "image.tar"
    assert any_engine.docker("save", "--output", archive, name).returncode == 0
    from_engine = report_of(weighbridge(any_engine, tmp_path, "inspect", name, "--format", "json"))
    from_file = report_of(weighbridge(any_engine, tmp_path, "inspect", f"docker-archive:{archive}", "--format", "json"))
    # buildx attests the base image; `docker save` leaves attestations out.
    is_attested = any_engine.store == "containerd"
    in_engine, in_file = (report["images"][0]["head"] for report in (from_engine, from_file))
    assert [layer.pop("from_base_image") for layer in in_engine["layers"]] == [is_attested, False]
    assert [layer.pop("from_base_image") for layer in in_file["layers"]] == [False, False]
    assert in_engine == in_file
    layers = from_file["images"][0]["head"]["layers"]
    assert layers[-1]["instruction"] == "RUN head -c 5000 /dev/zero > /a"
    assert layers[-1]["unpacked_bytes"] == 5000
    compared = weighbridge(any_engine, tmp_path, "compare", f"docker-archive:{archive}", name, "--format", "json")
    (image,) = report_of(compared)["images"]
    assert (image["status"], image["delta"]["unpacked_bytes"]) == ("unchanged", 0)
    assert compared.returncode == 0


def test_run_without_build_needs_no_engine(repo: Path, tmp_path: Path) -> None:
    commit(repo, {"Dockerfile": "FROM busybox\nCOPY a /\n", "a": "1"})
    git(repo, "switch", "--quiet", "--create", "branch")
    commit(repo, {".dockerignore": "*.md\n"})
    commit(repo, {"README.md": "x"})
    base = git(repo, "rev-parse", "HEAD~1")
    done = subprocess.run(
        [sys.executable, "-m", "weighbridge", "diff", "--repo", str(repo), base, "branch", "--format", "json"],
        env={**os.environ, "DOCKER_HOST": "unix:///nowhere", "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (image,) = report_of(done)["images"]
    assert (image["status"], image["delta"]["unpacked_bytes"]) == ("unchanged", 0)


def test_failed_copy_from_stage_names_existing_path(
    any_engine: Engine, need_images: Run, repo: Path, tmp_path: Path
) -> None:
    need_images(any_engine, "golang", "debian:bookworm")
    example = (ROOT / "examples/hello/Dockerfile.go-without-workdir").read_text()
    program = (ROOT / "examples/hello/hello.go").read_text()
    commit(repo, {"README.md": "nothing yet"})
    git(repo, "switch", "--quiet", "--create", "branch")
    commit(repo, {"Dockerfile": example, "hello.go": program})
    done = weighbridge(any_engine, tmp_path, "diff", "--repo", repo, "main", "branch", "--format", "json")
    assert done.returncode == 3, done.stderr
    (failure,) = report_of(done)["images"][0]["failures"]
    assert "Write the absolute path: /go/hello (copy-from-relative-path)." in failure["message"]
    assert "Dockerfile:7: hello is /hello of the stage 0" in failure["message"]
