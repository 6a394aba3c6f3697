"""Projects in the style of real ones: no proposal breaks the build or the start, and each saves what it is for.

Two of four of them here, each day the other two; all, with a table, by ``make tips-corpus``.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from realprojects.rebuilding import Outcome, Rebuilder, proposals_of, rebuilder
from rotation import part_of_today

from weighbridge.sources.layer_cache import LayerCache

PROJECTS = Path(__file__).parents[1] / "data/projects"
LEAST_SAVED = {
    "c-server-with-make": 0.9,
    "go-with-start-script": 0.8,
    "java-jar": 0.2,
    "node-built-in-place": 0.0,
}
"""Share of the image that ``use-multi-stage`` saves, by project."""


@pytest.fixture(scope="module")
def one(engine: Any, need_images: Callable[..., None], layer_cache: LayerCache) -> Any:
    images = ["gcc", "golang", "eclipse-temurin:17", "eclipse-temurin:17-jre", "node:20", "debian:bookworm"]
    need_images(engine, *images, "busybox:glibc", "debian:bookworm-slim")
    with rebuilder(engine.client, engine.environment, layer_cache) as made:
        yield made


def followed(one: Rebuilder, file: Path) -> tuple[Outcome, dict[str, Outcome]]:
    """What `file` makes, and what each of its tips with a change makes of it."""
    before = one.build(file.parent, file.read_bytes().decode())
    assert before.is_good, (file, before.log, before.started, before.output)
    tips = [tip for tip in proposals_of(before) if tip.change is not None and tip.change.edits]
    return before, {tip.code: one.follow(file.parent, before, tip.change) for tip in tips if tip.change is not None}


def test_no_proposal_for_project_breaks_its_build_or_its_start(one: Rebuilder) -> None:
    day = part_of_today("WEIGHBRIDGE_PROJECTS")
    print(f"WEIGHBRIDGE_PROJECTS={'all' if day is None else day}")
    names = list(LEAST_SAVED) if day is None else list(LEAST_SAVED)[day % 2 :: 2]
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = dict(
            zip(names, pool.map(lambda name: followed(one, PROJECTS / name / "Dockerfile"), names), strict=True)
        )
    for name, (before, outcomes) in found.items():
        assert outcomes, name
        for code, after in outcomes.items():
            assert after.is_good, (name, code, after.log, after.started, after.output)
            assert after.output == before.output, (name, code)
            assert not after.errors - before.errors, (name, code)
        saved = 1 - outcomes["use-multi-stage"].unpacked_bytes / before.unpacked_bytes
        assert saved > LEAST_SAVED[name], name


def test_project_without_problems_has_no_patch(one: Rebuilder) -> None:
    before = one.build(PROJECTS / "go-done-well", (PROJECTS / "go-done-well/Dockerfile").read_text())
    assert before.is_good
    assert proposals_of(before) == ()


def test_go_with_cgo_for_net_runs_on_scratch_with_certificates(one: Rebuilder) -> None:
    context = PROJECTS / "go-cgo-for-net"
    text = (context / "Dockerfile").read_text()
    begin, _, end = text.partition("RUN apt-get")
    without_run = begin + end[end.index("COPY --from") :]
    bundle = "COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/\nENTRYPOINT"
    for one_text in (without_run, without_run.replace("ENTRYPOINT", f"RUN true\n{bundle}")):
        before = one.build(context, one_text)
        assert before.is_good, before
        (tip,) = [tip for tip in proposals_of(before) if tip.code == "build-static"]
        assert tip.change is not None
        after = one.follow(context, before, tip.change)
        assert after.is_good, (after.log, after.output)
        assert after.image is not None
        assert after.image.rootfs.exists("/etc/ssl/certs/ca-certificates.crt")
        assert not after.image.rootfs.exists("/bin/sh")
        assert after.unpacked_bytes < 0.1 * before.unpacked_bytes
